"""The agent's time, and TLS at a time that isn't the machine's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from edge.agent.tests.tenant import Tenant, make_authority, serve
from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.keys import device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import BUILT
from iotistic_agent.clock import Clock
from iotistic_agent.faults import NotTrusted
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.renewal.around import Heard
from iotistic_agent.settings import Settings
from iotistic_contract.codec import b64u_encode
from iotistic_pki import ca
from iotistic_pki.keys import new_key, private_pem
from iotistic_pki.requests import make_request

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATER = BUILT + timedelta(days=1000)
DAY = timedelta(days=1)


def clock(machine: datetime, uptime: list[float]) -> Clock:
    return Clock(lambda: machine, lambda: uptime[0])


def test_a_clock_before_the_build_goes_on_from_there():
    uptime = [50.0]
    started = clock(EPOCH, uptime)
    assert started.now() == BUILT
    uptime[0] += 60
    assert started.now() == BUILT + timedelta(minutes=1)
    assert datetime.now(UTC) >= BUILT


def test_a_clock_that_is_ahead_of_the_floor_counts():
    uptime = [0.0]
    ahead = clock(LATER, uptime)
    assert ahead.now() == LATER
    ahead.raise_to(BUILT + DAY)
    assert ahead.now() == LATER


def test_what_a_verified_answer_says_raises_and_never_lowers():
    uptime = [0.0]
    behind = clock(EPOCH, uptime)
    assert behind.raise_by(format_datetime(LATER, usegmt=True)) == LATER
    assert behind.now() == LATER
    behind.raise_by(format_datetime(BUILT, usegmt=True))
    uptime[0] += 1
    assert behind.now() == LATER + timedelta(seconds=1)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 27 Nov 2026 10:00:00"])
def test_a_date_that_is_none_changes_nothing(date):
    started = clock(EPOCH, [0.0])
    assert started.raise_by(date) is None
    assert started.now() == BUILT


def test_the_floor_is_stored_once_an_hour_and_never_lower(tmp_path):
    store = Store.open(tmp_path / "device.sqlite", lambda: LATER)
    assert store.sync.time_floor() is None
    told = [LATER, LATER + timedelta(minutes=59), LATER - DAY, LATER + timedelta(hours=1)]
    kept = []
    for at in told:
        store.sync.keep_time_floor(at)
        kept.append(store.sync.time_floor())
    assert kept == [LATER, LATER, LATER, LATER + timedelta(hours=1)]
    store.close()


def test_what_is_heard_is_worth_a_look_when_it_is_news():
    heard = Heard()
    told = [
        heard.take(None, None),
        heard.take('"a"', None),
        heard.take('"a"', LATER),
        heard.take('"a"', LATER + timedelta(minutes=59)),
        heard.take('"a"', LATER + timedelta(hours=1)),
        heard.take('"b"', LATER),
        heard.take(None, LATER),
    ]
    assert told == [False, True, True, False, True, True, False]
    assert heard == Heard('"b"', LATER + timedelta(hours=1))


def asked(tenant: Tenant, at: datetime) -> int:
    """Ask the API as a device whose time it is."""
    cloud = Cloud(tenant.origin, verified_by(tenant.ca_pem, now=lambda: at))
    try:
        return cloud.call("GET", "/ca.pem").status
    finally:
        cloud.close()


@pytest.mark.parametrize("days", [-20_000, -1, 0, 300])
def test_a_server_is_believed_within_its_certificates_life(tenant, days):
    """Before all anchors, the first one's beginning is the time."""
    assert asked(tenant, datetime.now(UTC) + days * DAY) == 200


@pytest.mark.parametrize(
    ("days", "why"), [(400, "the certificate is of"), (13 * 365, "the anchor isn't valid")]
)
def test_afterwards_it_is_not(tenant, days, why):
    with pytest.raises(NotTrusted, match=why):
        asked(tenant, datetime.now(UTC) + days * DAY)
    assert tenant.requests == [], "nothing was said"


@pytest.fixture
def old_tenant(wrapping_keys, tmp_path: Path) -> Iterator[Tenant]:
    """A tenant whose server has a certificate that expired three days ago."""
    now = datetime.now(UTC)
    with make_authority(tmp_path / "pki", lambda: now - 500 * DAY) as authority:
        expired = replace(authority, clock=lambda: now - 400 * DAY)
        made = Tenant(expired, wrapping_keys, b64u_encode(b"s" * 32))
        server = serve(made, tmp_path)
        yield made
        server.shutdown()
        server.server_close()


def test_what_has_expired_for_the_machine_is_good_at_the_agents_time(old_tenant):
    now = datetime.now(UTC)
    with pytest.raises(NotTrusted, match="the certificate is of"):
        asked(old_tenant, now)
    assert asked(old_tenant, now - 10 * DAY) == 200


def test_a_certificate_that_an_authority_below_the_anchor_signed_is_not_believed(
    wrapping_keys, tmp_path: Path
):
    """The root vouches for the tenant's authority, but its dates alone wouldn't be looked at."""
    with make_authority(tmp_path / "pki") as authority:
        tenant = Tenant(authority, wrapping_keys, b64u_encode(b"s" * 32))
        server = serve(tenant, tmp_path)
        root = (tmp_path / "pki/root/ca.pem").read_text()
        cloud = Cloud(tenant.origin, verified_by(root, now=lambda: datetime.now(UTC)))
        with pytest.raises(NotTrusted, match="no anchor has signed"):
            cloud.call("GET", "/ca.pem")
        cloud.close()
        server.shutdown()
        server.server_close()


def test_name_and_purpose_are_verified_as_ever(tenant, authority, tmp_path):
    wrong = Tenant(authority, tenant.keys, tenant.secret)
    key = new_key("p256")
    leaf = authority.issue(make_request(key), ca.client("0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"))
    server = serve(wrong, tmp_path)
    server.socket.context.load_cert_chain(*_files(tmp_path, leaf, key, authority))
    with pytest.raises(NotTrusted, match=r"purpose|mismatch|certificate"):
        asked(wrong, datetime.now(UTC))
    assert wrong.requests == []
    server.shutdown()
    server.server_close()


def _files(folder: Path, leaf, key, authority) -> tuple[Path, Path]:
    (folder / "wrong.pem").write_bytes(ca.pem([leaf, *authority.chain]))
    (folder / "wrong.key").write_bytes(private_pem(key))
    return folder / "wrong.pem", folder / "wrong.key"


@pytest.mark.parametrize("machine", [EPOCH, datetime(2000, 1, 1, tzinfo=UTC)])
def test_a_device_registers_with_a_clock_at_1970(tenant, tmp_path, machine):
    settings = Settings(
        state_dir=tmp_path, engine_socket=tmp_path / "none.sock", policy_file=tmp_path / "none"
    )
    started = clock(machine, [0.0])
    registration = register(
        tenant.string(),
        Identity(uuid="0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"),
        device_keys(tmp_path / "keys"),
        settings,
        now=started.now,
    )
    assert registration.ca_cert == tenant.ca_pem
