"""The command, as an operator calls it."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


def call(environment, *arguments):
    command = [sys.executable, "-m", "iotistic_billing.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def environment(tmp_path, project, secrets_of_billing):
    told = {
        "license_keys_dir": str(tmp_path / "keys"),
        "deploy_project_dir": str(project),
        "database_url": "host=127.0.0.1 port=1 dbname=none",
        **secrets_of_billing,
    }
    return {name.upper(): value for name, value in told.items()}


def test_keys_are_made_once_rolled_over_and_checked(environment, tmp_path):
    made = call(environment, "keys", "generate")
    again = call(environment, "keys", "generate")
    rotated = call(environment, "keys", "rotate", "service")
    verified = call(environment, "keys", "verify")

    assert json.loads(made[1]) == {"generated": ["license", "service"]}
    assert json.loads(again[1]) == {"generated": []}
    assert json.loads(rotated[1])["current"]
    assert verified == (0, "", "")
    assert {oct(path.stat().st_mode)[-3:] for path in (tmp_path / "keys").glob("*.pem")} == {"600"}


def test_migrate_says_what_it_did_and_the_second_time_nothing(environment, postgres):
    there = environment | {"DATABASE_URL": postgres}

    first, second = call(there, "migrate"), call(there, "migrate")

    assert json.loads(first[1])["applied"][-1] == "0004_sources"
    assert (second[0], json.loads(second[1])) == (0, {"applied": []})


@pytest.mark.parametrize(
    ("arguments", "changes", "words"),
    [
        (["migrate"], {}, "no database at 127.0.0.1:1/none"),
        (["serve"], {}, "no database at 127.0.0.1:1/none"),
        (["worker"], {}, "no database at 127.0.0.1:1/none"),
        (["serve"], {"ADMIN_TOKEN": "short"}, "ADMIN_TOKEN"),
        (["serve"], {"DEPLOY_BACKEND": "cloud"}, "DEPLOY_BACKEND"),
        (["worker"], {"DEPLOY_NET": "127.77.0.1/24"}, "DEPLOY_NET"),
        (["try-signup", "--email", "a@b.example"], {}, "set BILLING_URL"),
        (
            ["try-signup", "--email", "a@b.example"],
            {"BILLING_URL": "http://127.0.0.1:1"},
            "billing doesn't answer at http://127.0.0.1:1",
        ),
        (["keys", "rotate", "license"], {}, "generate them first"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(environment, arguments, changes, words):
    code, out, err = call(environment | changes, *arguments)

    assert code != 0
    assert words in err
    assert "Traceback" not in out + err
    assert err.count("\n") == 1
    assert environment["ADMIN_TOKEN"] not in out + err
    assert "short" not in err.replace("shorter", "")


def test_serve_refuses_when_migrations_are_missing(environment, postgres):
    code, _, err = call(environment | {"DATABASE_URL": postgres}, "serve")

    assert code == 2
    assert "run the migrate command" in err
