"""Settings of the agent that people at the device set."""

import json

import pytest

from edge.agent.tests.device import applied
from edge.agent.tests.steering import ask, becomes, iotctl, listening, told

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def settings(device) -> dict[str, tuple]:
    rows = told(device, "config", "show")["settings"]
    return {name: (row["value"], row["source"]) for name, row in rows.items()}


def test_the_target_comes_first_then_the_device_then_the_environment(device, tenant):
    tenant.set_apps({}, 1, settings={"reportIntervalMs": 5000})
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    for name, value in (("pollIntervalMs", "2000"), ("reportIntervalMs", "7000"),
                        ("reconcileIntervalMs", "9000"), ("logLevel", "debug")):  # fmt: skip
        assert iotctl(device, "config", "set", name, value).returncode == 0
    said = iotctl(device, "config", "set", "reportIntervalMs", "8000").stdout
    assert said.startswith("reportIntervalMs is 5000, from: target; yours is kept")
    assert iotctl(device, "config", "set", "pollIntervalMs", "3000").stdout == (
        "pollIntervalMs is 3000, from: local\n"
    )
    device.kill()
    listening(device)
    rows = settings(device)
    assert rows["pollIntervalMs"] == (3000, "local")
    assert rows["reportIntervalMs"] == (5000, "target")
    assert rows["reconcileIntervalMs"] == (9000, "local")
    assert rows["metricsIntervalMs"] == (60_000, "default")
    assert rows["logLevel"] == ("debug", "local")
    tenant.set_apps({}, 2)
    becomes(lambda: settings(device)["reportIntervalMs"] == (8000, "local"))
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 3000)
    assert iotctl(device, "config", "reset", "pollIntervalMs").returncode == 0
    assert settings(device)["pollIntervalMs"] == (200, "environment")
    assert iotctl(device, "config", "reset").returncode == 0
    assert settings(device)["logLevel"] == ("info", "default")
    assert iotctl(device, "config", "get-api").stdout == f"{tenant.origin}\n"
    refused = iotctl(device, "config", "set-api", "https://other.example")
    assert refused.returncode == 1
    assert tenant.origin in refused.stderr


def test_a_set_address_refuses_strings_of_others(device, tenant):
    device.key_file.unlink()
    listening(device)
    assert iotctl(device, "config", "set-api", "https://other.example:443/").returncode == 0
    assert iotctl(device, "config", "get-api").stdout == "https://other.example\n"
    refused = iotctl(device, "provision", stdin=str(tenant.string()))
    assert refused.returncode == 1
    assert tenant.origin in refused.stderr
    assert iotctl(device, "config", "reset", "apiEndpoint").returncode == 0
    tenant.set_apps({}, 1)
    assert iotctl(device, "provision", stdin=str(tenant.string())).returncode == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"stateDir": "/elsewhere"}, "/stateDir"),
        ({"pollIntervalMs": 999}, "/pollIntervalMs"),
        ({"pollIntervalMs": 86_400_001}, "/pollIntervalMs"),
        ({"pollIntervalMs": "1000"}, "/pollIntervalMs"),
        ({"pollIntervalMs": None}, "/pollIntervalMs"),
        ({"logLevel": "loud"}, "/logLevel"),
        ({"logLevel": 1}, "/logLevel"),
        ({"logLevel": "debug", "reportIntervalMs": 1}, "/reportIntervalMs"),
        ({"apiEndpoint": "http://plain.example"}, "/apiEndpoint"),
        ({"apiEndpoint": "https://user:word@other.example"}, "/apiEndpoint"),
        ({"apiEndpoint": "https://other.example/path"}, "/apiEndpoint"),
        ({"apiEndpoint": "https://other.example:x"}, "/apiEndpoint"),
        ({"apiEndpoint": "https://["}, "/apiEndpoint"),
    ],
)
def test_bad_settings_are_refused_whole(device, body, pointer):
    device.key_file.unlink()
    listening(device)
    status, problem = ask(device, "PATCH", "/v2/config", body)
    assert status == 422, json.dumps(problem)
    assert problem["errors"][0]["pointer"] == pointer
    assert settings(device)["logLevel"] == ("info", "default")
    assert ask(device, "DELETE", "/v2/config/stateDir")[0] == 404
