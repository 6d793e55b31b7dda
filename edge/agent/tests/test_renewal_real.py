"""Renewals of the agent as a process, at a real TLS server and a real Mosquitto."""

import asyncio
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edge.agent.tests.device import Device
from edge.agent.tests.tenant import ADDRESS, Tenant, make_authority, serve
from iotistic_agent.adapters.store import Store
from iotistic_agent.clock import Clock
from iotistic_agent.logs import RecentLines
from iotistic_agent.runtime import Agent
from iotistic_agent.settings import Settings
from iotistic_contract.codec import b64u_encode, format_time
from iotistic_pki import ca
from iotistic_pki.keys import spki_sha256
from tests.fixtures.broker import Mosquitto, start_mosquitto

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
LONG_AGO = datetime.now(UTC) - timedelta(days=500)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ca.Authority]:
    """A CA that is older than the certificates of its devices."""
    with make_authority(tmp_path_factory.mktemp("old-pki"), lambda: LONG_AGO) as made:
        yield replace(made, clock=ca.utc_now)


@pytest.fixture(scope="module")
def broker(authority, tmp_path_factory) -> Iterator[Mosquitto]:
    started = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture
def second_broker(authority, tmp_path_factory) -> Iterator[Mosquitto]:
    started = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker-2"))
    yield started
    started.stop()


@pytest.fixture
def tenant(authority, wrapping_keys, broker, tmp_path) -> Iterator[Tenant]:
    made = Tenant(authority, wrapping_keys, b64u_encode(b"s" * 32))
    made.broker_port, made.poll_interval_ms = broker.port, 200
    made.server = serve(made, tmp_path)
    made.set_apps({}, 1)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def device(docker_engine, tenant, tmp_path) -> Iterator[Device]:
    made = Device(docker_engine, tenant, tmp_path)
    yield made
    made.clean()


def subscribed(tenant: Tenant) -> bool:
    """Whether the device says that its broker tells it news: it polls rarely then."""
    return tenant.sections.get("pollIntervalMs") == 900_000


def taken(tenant: Tenant) -> bool:
    return tenant.sections.get("credentialsETag") == tenant.credentials_etag()


def events(device: Device) -> list[str]:
    return [line["event"] for line in device.log()]


def at_rest(device: Device, statement: str, at: datetime) -> None:
    """Change a time in the database of an agent that doesn't run."""
    database = sqlite3.connect(device.folder / "state/device.sqlite", isolation_level=None)
    database.execute(statement, (format_time(at),))
    database.close()


def changed(tenant: Tenant, **credentials: object) -> None:
    with tenant.changed:
        tenant.credentials.update(credentials)


def poke(device: Device) -> None:
    """End what the broker holds the device from: with it, it would poll four times an hour."""
    device.kill()
    device.start()


def test_with_a_certificate_that_expired_it_renews_by_http_and_comes_back(device, tenant):
    tenant.issued_at = long_ago = datetime.now(UTC) - timedelta(days=400)
    device.start()
    tenant.wait_for(lambda: taken(tenant) and "broker_lost" in events(device))
    device.kill()
    at_rest(device, "UPDATE device SET registeredAt = ?", long_ago)
    device.start()
    tenant.wait_for(lambda: subscribed(tenant))
    first, second = tenant.certificates
    assert x509.load_pem_x509_certificate(first.encode()).not_valid_after_utc < datetime.now(UTC)
    assert events(device).count("certificate_renewed") == 1
    keys = device.folder / "state/keys"
    assert sorted(path.name for path in keys.glob("tls*")) == ["tls-2.key"]
    assert (keys / "client.pem").read_text() == second
    tenant.sections.clear()
    poke(device)
    tenant.wait_for(lambda: subscribed(tenant))
    assert len(tenant.certificates) == 2
    assert len(tenant.registered) == 1


def test_an_old_key_is_rotated_and_the_session_goes_on_with_the_new_one(device, tenant):
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    device.kill()
    since = datetime.now(UTC) - timedelta(days=91)
    at_rest(device, "INSERT INTO renewal VALUES ('api_key_since', ?)", since)
    device.start()
    tenant.wait_for(lambda: len(tenant.api_keys) == 2)
    old, new = tenant.api_keys
    assert old.split(".")[:2] == new.split(".")[:2]
    tenant.set_apps({}, 2)
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)
    assert tenant.requests[-1].headers["x-device-api-key"] == new
    assert len(tenant.registered) == 1


def test_the_device_follows_a_broker_that_moved(device, tenant, second_broker):
    device.start()
    tenant.wait_for(lambda: taken(tenant) and subscribed(tenant))
    first = tenant.credentials_etag()
    changed(tenant, brokerConfig={**tenant.broker_config(), "port": second_broker.port})
    assert tenant.credentials_etag() != first
    poke(device)
    tenant.wait_for(lambda: taken(tenant) and subscribed(tenant))
    assert "credentials_taken" in events(device)
    log = (second_broker.folder / "log").read_text()
    assert device.uuid in log, "it is there now"


def test_credentials_that_an_answer_names_are_asked_for_at_once(device, tenant):
    tenant.broker_port = 1  # without a broker it polls
    device.start(REPORT_INTERVAL_MS="200")
    tenant.wait_for(lambda: taken(tenant))
    asked = [path for path in tenant.paths() if path.endswith("/credentials")]
    changed(tenant, vpn={"profile": "new"})
    tenant.wait_for(lambda: taken(tenant))
    again = [path for path in tenant.paths() if path.endswith("/credentials")]
    assert (len(asked), len(again)) == (1, 2)


def test_a_broker_that_is_nowhere_is_not_followed(device, tenant):
    device.start()
    tenant.wait_for(lambda: taken(tenant) and subscribed(tenant))
    held = tenant.credentials_etag()
    changed(tenant, brokerConfig={**tenant.broker_config(), "port": 1})
    tenant.sections.clear()
    device.kill()
    device.start(POLL_INTERVAL_MS="200")
    tenant.wait_for(lambda: "credentials_failed" in events(device), 40)
    tenant.wait_for(lambda: subscribed(tenant))
    assert tenant.sections["credentialsETag"] == held


def served_by(tenant: Tenant, authority: ca.Authority, folder: Path) -> None:
    """Let the API answer with a certificate of another CA, at the same port."""
    tenant.server.shutdown()
    tenant.server.server_close()
    folder.mkdir()
    with tenant.changed:
        tenant.authority = authority
    tenant.server = serve(tenant, folder)


@pytest.fixture
def next_authority(tmp_path_factory) -> Iterator[ca.Authority]:
    with make_authority(tmp_path_factory.mktemp("next-pki")) as made:
        yield made


def test_a_new_anchor_is_taken_over_the_old_one_and_then_trusted(
    device, tenant, next_authority, tmp_path
):
    old = tenant.ca_pem
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    bundle = (next_authority.folder / "tenant-ca.pem").read_text() + old
    changed(tenant, caBundle=bundle, brokerConfig=tenant.broker_config())
    poke(device)
    tenant.wait_for(lambda: taken(tenant))
    served_by(tenant, next_authority, tmp_path / "next")
    tenant.set_apps({}, 2)
    poke(device)
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)
    assert len(tenant.registered) == 1
    assert device.uuid == tenant.registered[0].device_uuid
    assert spki_sha256(next_authority.certificate.public_key()) not in device.key_file.read_text()


def test_an_anchor_that_the_api_does_not_answer_by_is_not_taken(device, tenant, next_authority):
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    held = tenant.credentials_etag()
    changed(tenant, caBundle=(next_authority.folder / "tenant-ca.pem").read_text())
    tenant.sections.clear()
    poke(device)
    tenant.wait_for(lambda: "credentials_failed" in events(device))
    tenant.set_apps({}, 2)
    poke(device)
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)
    assert tenant.sections["credentialsETag"] == held


def test_a_stranger_at_the_address_brings_no_anchor(device, tenant, next_authority, tmp_path):
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    device.kill()
    seen, old = len(tenant.requests), tenant.authority
    served_by(tenant, next_authority, tmp_path / "stranger")
    device.start()
    until = threading.Event()
    while not any("CERTIFICATE_VERIFY_FAILED" in line.get("reason", "") for line in device.log()):
        assert not until.wait(0.05)
    assert len(tenant.requests) == seen, "nothing was said to it"
    served_by(tenant, old, tmp_path / "own")
    tenant.set_apps({}, 2)
    poke(device)
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)


async def test_with_a_clock_at_1970_it_registers_connects_and_learns_the_time(tenant, tmp_path):
    """The CA is older than the agent's build: its time is that until the cloud tells another."""
    state = tmp_path / "state"
    state.mkdir()
    settings = Settings(
        state_dir=state,
        engine_socket=tmp_path / "none.sock",
        policy_file=tmp_path / "none",
        provisioning=tenant.string(),
    )
    clock = Clock(lambda: datetime(1970, 1, 1, tzinfo=UTC))
    store = Store.open(state / "device.sqlite", clock.now)
    agent = Agent(settings, store, RecentLines(), clock=clock)
    online = asyncio.create_task(agent._online())
    async with asyncio.timeout(30):
        while not (agent._link.subscribed and store.sync.time_floor()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    online.cancel()
    with pytest.raises(asyncio.CancelledError):
        await online
    floor = store.sync.time_floor()
    store.close()
    assert abs(floor - datetime.now(UTC)) < timedelta(minutes=1)
    rebooted = Clock(lambda: datetime(1970, 1, 1, tzinfo=UTC))
    store = Store.open(state / "device.sqlite", rebooted.now)
    Agent(settings, store, RecentLines(), clock=rebooted)
    assert rebooted.now() >= floor
    store.close()


def with_pending_key(device: Device) -> str:
    """Give an agent that doesn't run the key that is to follow."""
    store = Store.open(device.folder / "state/device.sqlite", lambda: datetime.now(UTC))
    key = f"{device.tenant.api_keys[0].rpartition('.')[0]}.{b64u_encode(b'p' * 32)}"
    store.renewals.keep_pending_key(key, announced=True)
    store.close()
    return key


def test_when_the_old_key_is_dead_the_one_that_was_to_follow_is_tried(device, tenant):
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    device.kill()
    tenant.api_keys.append(with_pending_key(device))  # it was used, and the device cut
    tenant.set_apps({}, 2)
    device.start()
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)
    assert len(tenant.registered) == 1


def test_when_both_keys_are_dead_the_device_registers_anew(device, tenant):
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    device.kill()
    pending = with_pending_key(device)
    tenant.api_keys.append("dk1.d.nobody-has-it")
    tenant.set_apps({}, 2)
    seen = len(tenant.requests)
    device.start()
    tenant.wait_for(lambda: tenant.sections.get("appliedVersion") == 2)
    assert len(tenant.registered) == 2
    tried = [each.headers.get("x-device-api-key") for each in tenant.requests[seen:]]
    keys = {tenant.api_keys[0], pending}
    assert keys <= set(tried[: tried.index(None)]), "both, before it registered"


def test_kill_9_at_any_moment_ends_with_one_key_and_one_certificate_that_hold(device, tenant):
    tenant.issued_at = long_ago = datetime.now(UTC) - timedelta(days=300)
    device.start()
    tenant.wait_for(lambda: taken(tenant))
    device.kill()
    at_rest(device, "UPDATE device SET registeredAt = ?", long_ago)
    changed(tenant, vpn={"profile": "new"})
    for delay in range(12):
        device.start()
        with suppress(subprocess.TimeoutExpired):
            device.process.wait(0.3 + delay / 20)
        device.kill()
    tenant.sections.clear()
    device.start()
    tenant.wait_for(lambda: taken(tenant) and subscribed(tenant), 40)
    assert len(tenant.registered) == 1
    assert len(tenant.api_keys) == 2
    assert len(list((device.folder / "state/keys").glob("tls*.key"))) == 1
    assert device.stop() == 0
    store = Store.open(device.folder / "state/device.sqlite", lambda: datetime.now(UTC))
    registration = store.identity.registration()
    assert registration.api_key == tenant.api_keys[-1]
    assert registration.mqtt.client_certificate in tenant.certificates[1:]
    assert registration.vpn == {"profile": "new"}
    assert store.renewals.pending_key() is None
    assert store.renewals.candidate_certificate() is None
    store.close()
