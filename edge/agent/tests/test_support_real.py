"""For when something is wrong: diagnostics, support bundle, metrics, restart, power."""

import base64
import http.client
import json
import socket
import sqlite3
import sys
import tarfile

import pytest

from edge.agent.tests.device import Device, app, applied
from edge.agent.tests.steering import ask, iotctl, listening, running, told

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def verdicts(device) -> dict[str, str]:
    found = iotctl(device, "--json", "diagnostics")
    return {each["name"]: each["verdict"] for each in json.loads(found.stdout)["checks"]}


def test_a_device_that_is_well_is_green(device, tenant):
    running(device, tenant, {})
    tenant.wait_for(lambda: tenant.sections.get("metrics"))
    found = verdicts(device)
    assert found.pop("undervoltage") in ("ok", "skipped")
    assert found.pop("disk") in ("ok", "warning")
    assert found.pop("mqtt") == "failed", "there is no broker here"
    assert set(found.values()) == {"ok"}, found
    assert set(found) == {"dns", "time", "tls", "api", "database", "engine"}
    done = iotctl(device, "diag")
    assert done.returncode == 7
    assert "→ is 127.77.5.16:8883 (TCP) let through" in done.stdout
    asked = [each for each in tenant.requests if each.path == "/ca.pem"]
    assert len(asked) >= 2, "it asks for what everybody may have"
    assert not [each for each in asked if "x-device-api-key" in each.headers]
    code = iotctl(device, "diagnostics", "--qr").stdout
    assert code.count("\n") > 10
    assert set(code) & set("█▀▄")


def test_what_is_wrong_is_red(device, tenant):
    running(device, tenant, {})
    device.kill()
    with sqlite3.connect(device.folder / "state/device.sqlite") as state:
        state.execute("UPDATE device SET apiEndpoint = 'https://no-such-name.invalid:1'")
    state.close()
    listening(device, DOCKER_HOST=f"unix://{device.folder / 'nobody.sock'}")
    found = verdicts(device)
    assert (found["dns"], found["tls"], found["engine"]) == ("failed", "skipped", "failed")
    assert "look at the network" in iotctl(device, "diagnostics").stdout


def test_before_registration_only_the_way_is_tried(device, tenant):
    tenant.force("/ca.pem", 503, "unavailable", Retry_After="600")
    listening(device)
    found = verdicts(device)
    assert (found["dns"], found["api"], found["mqtt"]) == ("ok", "skipped", "skipped")


def secrets_of(device, tenant) -> dict[str, bytes]:
    """Everything in the folder of state that nobody else may know, as bytes."""
    found = {"api key": tenant.api_keys[-1].encode(), "string": tenant.secret.encode()}
    state = device.folder / "state"
    for file in (state / "keys").iterdir():
        found[file.name] = file.read_bytes()
    found["token"] = (state / "local-api-token").read_bytes().strip()
    with sqlite3.connect(state / "device.sqlite") as database:
        row = database.execute("SELECT deviceApiKey, apiTlsConfig FROM device").fetchone()
    database.close()
    assert row[0].startswith("sealed:")
    found["sealed api key"] = row[0].encode()
    pem = {name: text for name, text in found.items() if b"PRIVATE KEY" in text}
    assert len(pem) == 2
    for name, text in pem.items():
        body = b"".join(text.splitlines()[1:-1])
        found[name], found[f"{name} in DER"] = body, base64.b64decode(body)
    return found


def spellings(secret: bytes) -> set[bytes]:
    """A secret as it is, in hex, and in base64 at each of the three places it can begin at."""
    shifted = {base64.b64encode(b"x" * shift + secret)[4 : -(4 + shift)][:40] for shift in range(3)}
    return {secret, secret.hex().encode(), *(each for each in shifted if len(each) >= 16)}


@pytest.mark.parametrize("before", range(4))
def test_a_secret_is_found_however_it_is_spelt(before):
    secret = bytes(range(200, 232))
    hidden = base64.b64encode(b"?" * before + secret + b"!" * 5)
    assert any(each in hidden for each in spellings(secret))
    assert not any(each in hidden for each in spellings(secret[::-1]))


def test_no_secret_is_in_a_support_bundle(device, tenant, busybox):
    config = {"environment": {"PASSWORD": "hunter2-hunter2"}}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    running(device, tenant, app(busybox, one={"config": config}), LOCAL_API_PORT=port,
            LOG_LEVEL="debug")  # fmt: skip
    assert iotctl(device, "config", "set", "logLevel", "debug").returncode == 0
    file = device.folder / "bundle.tar.gz"
    done = iotctl(device, "support-bundle", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert iotctl(device, "support-bundle", str(file)).returncode == 2, "none is overwritten"
    with tarfile.open(file) as archive:
        parts = {each.name: archive.extractfile(each).read() for each in archive.getmembers()}
    assert {name.partition("/")[2] for name in parts} == {
        "device.json", "health.json", "apps.json", "plan.json", "config.json", "leases.json",
        "provision.json", "diagnostics.json", "metrics.txt", "agent.log", "missing.json",
    }  # fmt: skip
    assert json.loads(parts["bundle/missing.json"]) == {}
    assert b'"event": "state-applied"' in parts["bundle/agent.log"]
    everything = b"\n".join(parts.values())
    secrets = {**secrets_of(device, tenant), "environment": b"hunter2-hunter2"}
    assert len(secrets) >= 8
    for name, secret in secrets.items():
        for spelling in spellings(secret):
            assert spelling not in everything, name


def test_a_bundle_of_a_device_whose_engine_is_gone_says_what_is_missing(device, tenant):
    listening(device, DOCKER_HOST=f"unix://{device.folder / 'nobody.sock'}")
    found = told(device, "support-bundle", str(device.folder / "b.tar.gz"))
    assert list(found["missing"]) == ["plan.json"]


def test_metrics_over_tcp_want_the_token(device, tenant, busybox):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running(
        device, tenant, app(busybox, one={}, two={"state": "stopped"}), LOCAL_API_PORT=str(port)
    )
    token = (device.folder / "state/local-api-token").read_text().strip()

    def asked(**headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        found = (answer.status, answer.getheader("Content-Type"), answer.read().decode())
        connection.close()
        return found

    assert asked()[0] == 401
    status, kind, text = asked(Authorization=f"Bearer {token}")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert '\niotistic_containers{state="running"} 1\n' in text
    assert '\niotistic_containers{state="created"} 1\n' in text
    assert "\niotistic_services_as_wanted 2\n" in text
    assert "\niotistic_registered 1\n" in text


def test_the_agent_begins_anew_as_the_same_process(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}))
    container = device.containers()["one"]
    process = device.process.pid
    done = iotctl(device, "restart")
    assert done.returncode == 0, done.stderr
    assert device.process.poll() is None
    assert device.process.pid == process
    assert device.containers()["one"] == container
    assert [e["event"] for e in device.log()].count("started") == 2
    tenant.set_apps(app(busybox, one={"state": "stopped"}), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert device.stop() == 0, "it still ends when told to"


@pytest.fixture
def steady(docker_engine, tmp_path):
    """An agent whose programs for power only leave a mark."""
    made = Device(docker_engine, None, tmp_path)
    mark = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    fails = "import sys; sys.stderr.write('not now'); sys.exit(3)"
    listening(
        made,
        REBOOT_COMMAND=f"{sys.executable} -c '{mark}' '{tmp_path}/mark; touch b'",
        SHUTDOWN_COMMAND=f'{sys.executable} -c "{fails}"',
    )
    yield made
    made.clean()


def test_power_is_asked_for_with_a_word(steady):
    for body in (None, {}, {"confirm": "yes"}, {"confirm": "shutdown"}, {"confirm": True}):
        status, problem = ask(steady, "POST", "/v2/reboot", body)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/confirm")
    mark = steady.folder / "mark; touch b"
    assert not mark.exists()
    assert ask(steady, "POST", "/v2/reboot", {"confirm": "reboot"}) == (202, {"action": "reboot"})
    assert mark.exists(), "one argument, and no shell"
    status, problem = ask(steady, "POST", "/v2/shutdown", {"confirm": "shutdown"})
    assert (status, problem["code"]) == (409, "conflict")
    assert "not now" in problem["detail"]
