"""Settings: names, files of secrets, and messages that hold no value."""

import json

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from iotistic_kit.settings import ServiceSettings, SettingsError, read_settings


class Settings(ServiceSettings):
    admin_token: SecretStr
    trial_days: int = 14


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    for name in ("DB_PASSWORD", "DATABASE_URL", "PORT", "HOST", "TLS_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADMIN_TOKEN_FILE", str(tmp_path / "token"))
    return monkeypatch


def test_a_secrets_file_comes_before_its_variable(environment):
    environment.setenv("ADMIN_TOKEN", "from-variable")
    environment.setenv("PORT", "3100")
    settings = read_settings(Settings)
    assert settings.admin_token.get_secret_value() == "from-file"
    assert settings.port == 3100
    assert "from-file" not in repr(settings)


def test_a_file_setting_that_is_no_secrets_stays_a_path(environment, tmp_path):
    environment.setenv("TLS_CA_FILE", str(tmp_path / "ca.pem"))
    assert read_settings(Settings).tls_ca_file == tmp_path / "ca.pem"


FIVE = {"DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "p w'"}
URL = "postgresql://u:p@h:1/n"
DATABASES = [
    (FIVE, {"host": "db", "port": "5433", "dbname": "n", "user": "u", "password": "p w'"}),
    (
        {"DB_HOST": "db", "TLS_CA_FILE": "/ca.pem"},
        {
            "host": "db",
            "port": "5432",
            "dbname": "iotistic",
            "user": "iotistic",
            "sslmode": "verify-full",
            "sslrootcert": "/ca.pem",
        },
    ),
    (
        {**FIVE, "DATABASE_URL": URL},
        {"host": "h", "port": "1", "dbname": "n", "user": "u", "password": "p"},
    ),
]


@pytest.mark.parametrize(("variables", "expected"), DATABASES)
def test_the_databases_connection_string(environment, variables, expected):
    for name, value in variables.items():
        environment.setenv(name, value)
    assert conninfo_to_dict(read_settings(Settings).conninfo) == expected


WRONG = [
    ({"PORT": "hidden"}, ["PORT: "]),
    ({"PORT": "hidden", "TRIAL_DAYS": "hidden"}, ["PORT: ", "TRIAL_DAYS: "]),
    ({"ADMIN_TOKEN_FILE": ""}, ["ADMIN_TOKEN: Field required"]),
    ({"ADMIN_TOKEN_FILE": "/nowhere"}, ["ADMIN_TOKEN_FILE: can't read /nowhere: No such file"]),
    ({"DATABASE_URL": "hidden"}, ["DATABASE_URL: ", "not a PostgreSQL connection string"]),
]


@pytest.mark.parametrize(("variables", "messages"), WRONG, ids=json.dumps)
def test_what_is_wrong_is_named_without_its_value(environment, variables, messages):
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        read_settings(Settings)
    assert all(message in str(raised.value) for message in messages)
    assert "hidden" not in str(raised.value)
    assert "\n" not in str(raised.value)
