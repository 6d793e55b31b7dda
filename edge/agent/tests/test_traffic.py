"""Bytes on the link: as the kernel counts them, by month, and what a budget makes wait."""

import socket
from datetime import UTC, datetime

import pytest

from edge.agent.tests.test_cloud import KEY
from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.meter import Meter
from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.configuration import configuration
from iotistic_agent.settings import from_environment
from iotistic_agent.signals import Bell
from iotistic_agent.spool import Spool
from iotistic_agent.traffic import Purpose, Traffic, throttled
from iotistic_agent.uplink import Uplink
from iotistic_contract.lanes import Lane

NOW = datetime(2026, 1, 31, 23, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("used", "lanes"),
    [
        (0, set()),
        (699, set()),
        (700, {Lane.LOGS}),
        (850, {Lane.LOGS, Lane.METRICS}),
        (1000, {Lane.LOGS, Lane.METRICS, Lane.READINGS}),
        (10**9, {Lane.LOGS, Lane.METRICS, Lane.READINGS}),
    ],
)
def test_what_waits_as_the_budget_is_used_up(used, lanes):
    assert throttled(used, 1000) == lanes
    assert throttled(used, None) == set()


def test_counts_are_kept_by_month_over_restarts(store, tmp_path):
    clock = [NOW]
    traffic = Traffic(store.traffic, lambda: clock[0])
    traffic.count("logs", 100, 10)
    traffic.count(Purpose.STATE, 5, 7)
    assert (traffic.usage().month, traffic.usage().total) == ("2026-01", 122)
    traffic.flush()
    traffic.count("logs", 1, 1)
    assert traffic.usage().lanes == {"logs": (101, 11), "state": (5, 7)}
    traffic.flush()
    again = Traffic(Store.open(tmp_path / "device.sqlite", lambda: NOW).traffic, lambda: clock[0])
    assert again.usage().lanes == {"logs": (101, 11), "state": (5, 7)}
    clock[0] = datetime(2026, 2, 1, tzinfo=UTC)
    assert (traffic.usage().month, traffic.usage().total) == ("2026-02", 0)


def test_twelve_months_are_kept(store):
    months = [f"{2025 + number // 12}-{number % 12 + 1:02}" for number in range(15)]
    for month in months:
        store.traffic.add({(month, "logs"): (1, 1)})
    assert [month for month in months if store.traffic.of(month)] == months[3:]


def test_the_kernel_counts_what_a_connection_moves():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as ours,
    ):
        theirs, _ = listener.accept()
        meter = Meter()
        meter.moved(ours)
        theirs.sendall(b"y" * 3000)
        received = 0
        while received < 3000:
            received += len(ours.recv(4096))
        sent, got = meter.moved(ours)
        assert 3000 < got < 3000 + 52 * 10
        assert 0 < sent < 52 * 10, "acknowledgements"
        assert meter.moved(ours)[1] < 200, "since the last look"
        theirs.close()
    assert meter.moved(ours) == (0, 0), "a closed one tells nothing"
    assert meter.moved(None) == (0, 0)


def test_calls_are_counted_for_what_they_are(tenant, store):
    tenant.api_keys.append(KEY["X-Device-API-Key"])
    traffic = Traffic(store.traffic, lambda: NOW)
    context = verified_by(tenant.ca_pem)
    cloud = Cloud(tenant.origin, context, KEY, count=traffic.count, purpose=Purpose.STATE)
    cloud.call("GET", "/api/v1/device/x/state")
    handshake = traffic.usage().lanes["state"]
    assert handshake[0] > 500
    assert handshake[1] > 1500, "the chain of certificates"
    cloud.send("/api/v1/device/x/logs", b'{"a": 1}\n' * 10_000, "application/x-ndjson", "logs")
    sent, received = traffic.usage().lanes["logs"]
    assert 300 < sent < 3000, "packed: plain it would be 90,000"
    assert 50 < received < 1000, "no handshake again"
    assert traffic.usage().lanes["state"] == handshake
    cloud.close()


CONFIG = {"linkProfile": "metered", "linkBudgetMb": 2, "logging": {"upload": True}}


def configured(config: dict) -> StoredTarget:
    return StoredTarget(
        etag='"1"', version=1, document={"version": 1, "apps": {}, "config": config}
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("lan", None, True)),
        ({"linkProfile": "lan"}, ("lan", None, True)),
        ({"linkProfile": "lte"}, ("lte", 500, False)),
        ({"linkProfile": "metered"}, ("metered", 10, False)),
        (CONFIG, ("metered", 2, True)),
        ({"linkBudgetMb": 7, "logging": {"upload": False}}, ("lan", 7, False)),
    ],
)
def test_profile_budget_and_upload(config, expected):
    found = configuration(configured(config), from_environment({}))
    assert (found.link_profile, found.link_budget_mb, found.log_upload) == expected


def test_the_link_is_shown_and_told_when_lanes_wait(store):
    settings = from_environment({})
    traffic = Traffic(store.traffic, lambda: NOW)
    spool = Spool(store.outbox, Bell(), lambda: NOW, lambda: "s")
    uplink = Uplink(
        store=store,
        spool=spool,
        traffic=traffic,
        bell=Bell(),
        configured=lambda: configuration(configured(CONFIG), settings),
    )
    uplink.tell_of_throttling()
    assert store.outbox.waiting() == {}
    traffic.count("logs", 1_000_000, 500_000)
    uplink.tell_of_throttling()
    uplink.tell_of_throttling()
    assert store.outbox.waiting() == {Lane.EVENTS: 1}
    assert uplink.view() == {
        "link": {
            "profile": "metered",
            "month": "2026-01",
            "usedBytes": 1_500_000,
            "budgetBytes": 2_000_000,
            "lanes": {"logs": {"sentBytes": 1_000_000, "receivedBytes": 500_000}},
            "throttled": ["logs"],
        },
        "outbox": {"waiting": {"events": 1}, "dropped": {}, "refused": {}},
    }
    assert uplink.numbers() == {"outbox_waiting": 1, "outbox_lost": 0}
    copies = []
    uplink.copy_to(lambda lane, line: copies.append((lane, line)))
    spool.sampled(NOW, {"cpu_usage": 1})
    assert copies == [], "a metered link carries nothing twice"
