"""Nothing of tenant 1 opens anything of tenant 2, and no device anything of another's."""

from __future__ import annotations

import contextlib
import sqlite3
import ssl
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

from iotistic_agent.adapters.store.sealing import Sealer

from .demo_site import ROOT, wait_for


@pytest.fixture(scope="module")
def acme(site):
    return site.tenant("acme")


@pytest.fixture(scope="module")
def globex(site):
    return site.tenant("globex")


def device_row(site, device):
    """Return what a device stores of itself, its API key opened."""
    data = site.state / "devices" / device.name / "data"
    with sqlite3.connect(f"file:{data / 'device.sqlite'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM device").fetchone())
    key = Sealer(data / "keys/state-key").open(row["deviceApiKey"], "deviceApiKey")
    return {**row, "deviceApiKey": key}


def walk(site, url):
    """Yield (method, path, public) of each route in a service's own description."""
    described = site.call("GET", f"{url}/openapi.json").body
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            filled = path
            for parameter in told.get("parameters", []):
                if parameter["in"] == "path":
                    filled = filled.replace(
                        f"{{{parameter['name']}}}", "5f0e8f4e-2a64-4d0a-9a57-6a9e1d1f6b01"
                    )
            yield method.upper(), filled, not told["security"]


@pytest.mark.parametrize("service", ["billing", "acme", "globex"])
def test_each_route_without_credentials(site, service):
    url = site.billing if service == "billing" else site.tenant(service).url
    routes = list(walk(site, url))
    assert len(routes) >= 20
    closed = [(method, path) for method, path, public in routes if not public]
    assert len(closed) >= len(routes) / 2
    for method, path in closed:
        body = None if method in {"GET", "DELETE"} else {}
        answer = site.call(method, f"{url}{path}", body)
        assert answer.status == 401, (method, path, answer)
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_service_token_at_the_other_tenant(site, acme, globex):
    token = site.service_token(acme, "read devices target-states overrides provisioning-keys")
    assert site.call("GET", f"{acme.url}/api/v1/devices", token=token).status == 200
    for method, path, public in walk(site, globex.url):
        if not public:
            body = None if method in {"GET", "DELETE"} else {}
            answer = site.call(method, f"{globex.url}{path}", body, token=token)
            assert answer.status == 401, (method, path, answer)


def test_a_billing_key_of_one_tenant_for_the_other(site, acme, globex):
    key = (site.state / "tenants" / acme.short_id / "secrets/billing-api-key").read_text().strip()
    own = site.call("GET", f"{site.billing}/api/licenses/{acme.id}", token=key)
    assert own.status == 200
    for method, path, public in walk(site, site.billing):
        if public:
            continue
        filled = path.replace("5f0e8f4e-2a64-4d0a-9a57-6a9e1d1f6b01", globex.id)
        body = None if method in {"GET", "DELETE"} else {}
        answer = site.call(method, f"{site.billing}{filled}", body, token=key)
        own = filled == path and "{" not in path  # names nobody: 422 is about the empty body
        refused = {401, 403, 404, 422} if own else {401, 403, 404}
        assert answer.status in refused, (method, filled, answer)


def test_a_license_of_one_tenant_at_the_other(site, acme, globex):
    license_ = (site.state / "tenants" / acme.short_id / "secrets/license.jwt").read_text().strip()
    for tenant, valid in ((acme, True), (globex, False)):
        token = site.service_token(tenant, "read")
        answer = site.call(
            "POST", f"{tenant.url}/api/license/verify", {"token": license_}, token=token
        )
        assert (answer.status == 200 and answer.body.get("valid", True)) is valid, answer


@pytest.mark.parametrize(("mine", "other"), [(0, 1), (0, 2)])
def test_a_device_key_at_another_device(site, devices, mine, other):
    """Its key opens its own state, not that of a device of the same or of another tenant."""
    own, foreign = devices[mine], devices[other]
    key = _device_key(site, own)
    url = site.tenant(foreign.tenant).url
    at_home = site.call(
        "GET",
        f"{site.tenant(own.tenant).url}/api/v1/device/{own.uuid}/state",
        headers={"X-Device-API-Key": key},
    )
    assert at_home.status in {200, 304}
    answer = site.call(
        "GET", f"{url}/api/v1/device/{foreign.uuid}/state", headers={"X-Device-API-Key": key}
    )
    assert answer.status == (403 if own.tenant == foreign.tenant else 401), answer
    report = {
        "schema": 1,
        "uuid": foreign.uuid,
        "stream": "s",
        "epoch": 1,
        "sequence": 1,
        "at": "2026-01-15T10:30:00.000Z",
    }
    answer = site.call(
        "PATCH", f"{url}/api/v1/device/state", report, headers={"X-Device-API-Key": key}
    )
    assert answer.status == (403 if own.tenant == foreign.tenant else 401), answer


def _device_key(site, device) -> str:
    row = device_row(site, device)
    return row["deviceApiKey"]


def test_a_provisioning_key_at_the_other_tenant(site, devices, acme, globex):
    """Its pin doesn't fit the other tenant's authority: the agent sends nothing."""
    text = (site.state / "devices" / devices[0].name / "etc/provisioning-key").read_text().strip()
    moved = text.replace(acme.address, globex.address)
    assert moved != text
    _agent_refuses(site, moved, "pin")


def _agent_refuses(site, key: str, *words: str) -> str:
    """Run an agent with a key and an unknown uuid; it stops, or says why it can't register."""
    folder = site.state / "stranger"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "key").write_text(key)
    (folder / "key").chmod(0o600)
    environment = {
        "PATH": "/usr/bin:/bin",
        "STATE_DIR": str(folder / "data"),
        "DEVICE_UUID": "77777777-7777-4777-8777-777777777777",
        "DEVICE_NAME": "stranger",
        "PROVISIONING_API_KEY_FILE": str(folder / "key"),
        "DOCKER_HOST": "unix:///nowhere.sock",
        "REQUIRE_PROVISIONING": "true",
    }
    process = subprocess.Popen(
        [str(ROOT / ".venv/bin/iotistic-agent")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=6)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    lowered = output.lower()
    assert any(word in lowered for word in words), output
    assert "Traceback" not in output
    return output


def test_a_wrong_provisioning_key(site, devices):
    text = (site.state / "devices" / devices[0].name / "etc/provisioning-key").read_text().strip()
    head, secret, rest = text.split(".", 3)[:2], text.split(".")[2], text.split(".", 3)[3]
    wrong = ("A" if secret[0] != "A" else "B") + secret[1:]
    _agent_refuses(site, ".".join([*head, wrong, rest]), "provisioning key")


def test_a_stranger_with_a_known_uuid(site, devices, acme):
    """A key that is good for any device doesn't let a stranger take a registered uuid."""
    token = site.service_token(acme, "provisioning-keys")
    made = site.call(
        "POST", f"{acme.url}/api/provisioning-keys", {"name": "open", "maxDevices": 5}, token=token
    )
    assert made.status == 201, made
    before = device_row(site, devices[0])
    output = _agent_refuses_uuid(site, made.body["key"], devices[0].uuid)
    assert "already" in output.lower()
    assert device_row(site, devices[0]) == before
    answer = site.call(
        "GET",
        f"{acme.url}/api/v1/device/{devices[0].uuid}/state",
        headers={"X-Device-API-Key": _device_key(site, devices[0])},
    )
    assert answer.status == 200


def _agent_refuses_uuid(site, key: str, uuid: str) -> str:
    folder = site.state / "impostor"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "key").write_text(key)
    process = subprocess.Popen(
        [str(ROOT / ".venv/bin/iotistic-agent")],
        env={
            "PATH": "/usr/bin:/bin",
            "STATE_DIR": str(folder / "data"),
            "DEVICE_UUID": uuid,
            "PROVISIONING_API_KEY_FILE": str(folder / "key"),
            "DOCKER_HOST": "unix:///nowhere.sock",
            "REQUIRE_PROVISIONING": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return process.communicate(timeout=6)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def test_a_device_certificate_at_the_other_tenants_broker(site, devices, globex):
    """The broker knows its own tenant's authority only."""
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        broker_session(site, devices[0], globex.address),
    ):
        pass


def test_a_device_certificate_reads_nothing_of_another_device(site, devices, acme):
    """Whatever it subscribes to, it is delivered only what is sent to itself."""
    thief = f"device-{devices[0].name}"
    site.supervisorctl("stop", thief)  # one session per certificate: else they take turns
    try:
        with broker_session(site, devices[0], acme.address) as (client, got):
            for topic in ("#", f"agent/{devices[1].uuid}/#", f"agent/{devices[0].uuid}/#"):
                client.subscribe(topic, qos=1)
            token = site.service_token(acme, "devices")
            for device in (devices[1], devices[0]):
                url = f"{acme.url}/api/v1/devices/{device.uuid}/poll-now"
                assert site.call("POST", url, {}, token=token).status == 202
            wait_for(lambda: f"agent/{devices[0].uuid}/update" in got)
        assert not [topic for topic in got if devices[0].uuid not in topic], got
    finally:
        site.supervisorctl("start", thief)


def _credentials(site, device):
    """Return a TLS context with a device's certificate and key, that verifies nobody."""
    folder = site.state / "devices" / device.name / "data/keys"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(folder / "client.pem", folder / "tls.key")
    return context


@contextlib.contextmanager
def broker_session(site, device, address):
    """Connect with a device's certificate; yields the client and the topics it is sent."""
    got: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="stolen")
    client.on_message = lambda _client, _data, message: got.append(message.topic)
    client.tls_set_context(_credentials(site, device))
    client.connect(address, 8883)
    client.loop_start()
    try:
        deadline = time.monotonic() + 4
        while not client.is_connected():
            if time.monotonic() > deadline:
                raise ConnectionError("not let in")
            time.sleep(0.05)
        yield client, got
    finally:
        client.disconnect()
        client.loop_stop()
