"""What `./run demo` makes of its arguments, before anything runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tools.demo.__main__ import action_from
from tools.demo.browser import split
from tools.demo.guard import ROOT

ACTIONS = [
    ([], "up", []),
    (["up", "-C"], "up", ["-C"]),
    (["destroy"], "destroy", []),
    (["destroy", "--check"], "destroy", ["--check"]),
    (["--limit", "destroy"], "up", ["--limit", "destroy"]),
    (["--tags", "up", "destroy"], "up", ["--tags", "up", "destroy"]),
    (["logs", "-f", "acme"], "logs", ["-f", "acme"]),
    (["open", "acme", "--", "--headless"], "open", ["acme", "--", "--headless"]),
]
WITHOUT_A_SITE = [
    ["status"], ["status", "--json"], ["logs"], ["logs", "acme"], ["open"], ["open", "billing"],
    ["break", "agent"], ["stop"], ["start"],
]  # fmt: skip
REFUSED = [
    ["destory"], ["status", "--yaml"], ["logs", "-n", "many"], ["break", "everything"],
    ["break", "agent", "--readmit"], ["open", "acme", "globex"], ["stop", "now"],
]  # fmt: skip


def run_demo(folder, *arguments):
    environment = os.environ | {
        "IOTISTIC_STATE": str(folder / "site"),
        "IOTISTIC_NET": "127.79.1.0/24",
    }
    return subprocess.run(
        [sys.executable, "-m", "tools.demo", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("arguments", "action", "passed"), ACTIONS)
def test_the_command_is_the_first_argument_or_up(arguments, action, passed):
    assert action_from(arguments) == (action, passed)


def test_what_follows_two_dashes_is_the_browsers():
    assert split(["acme", "--", "--a", "--", "b"]) == (["acme"], ["--a", "--", "b"])
    assert split(["acme"]) == (["acme"], [])
    assert split(["--", "--a"]) == ([], ["--a"])


@pytest.mark.timeout(30)
@pytest.mark.parametrize("arguments", WITHOUT_A_SITE, ids=" ".join)
def test_without_a_site_it_says_so_and_makes_nothing(tmp_path, arguments):
    told = run_demo(tmp_path, *arguments)
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr == f"demo: no site is at {tmp_path}/site: ./run demo makes one\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(30)
@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_makes_no_sense_is_refused_and_begins_nothing(tmp_path, arguments):
    told = run_demo(tmp_path, *arguments)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert "usage" in told.stderr + told.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(30)
def test_faults_are_listed_without_a_site(tmp_path):
    told = run_demo(tmp_path, "break", "list")
    assert told.returncode == 0
    names = [line.split()[0] for line in told.stdout.splitlines()[2:]]
    assert names == ["container", "agent", "broker", "database", "image", "revoke"]
    assert told.stdout == run_demo(tmp_path, "break").stdout
