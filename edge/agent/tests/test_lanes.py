"""From the outbox to a real TLS server: order, acknowledgement, refusals, waiting."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime

import pytest

from iotistic_agent.adapters.cloud import Cloud, verified_by
from iotistic_agent.adapters.store import Store
from iotistic_agent.courier import Courier
from iotistic_agent.delivery import CADENCES, Fate, Turns, verdict
from iotistic_agent.faults import CloudUnavailable, Unauthorized
from iotistic_agent.loops import lanes as loop_module
from iotistic_agent.loops.lanes import send_lanes
from iotistic_agent.outgoing import Bound, OutgoingLine
from iotistic_agent.signals import Bell
from iotistic_agent.spool import Spool
from iotistic_contract.lanes import EventType, Lane

UUID = "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"
KEY = {"X-Device-API-Key": "dk1.a.b"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "device.sqlite", lambda: NOW, Bound(rows=5000))
    yield opened
    opened.close()


@pytest.fixture
def spool(store):
    return Spool(store.outbox, Bell(), lambda: NOW, lambda: "stream")


@pytest.fixture
def courier(tenant, store):
    tenant.api_keys.append(KEY["X-Device-API-Key"])
    cloud = Cloud(tenant.origin, verified_by(tenant.ca_pem), KEY)
    yield Courier(cloud, UUID, store)
    cloud.close()


def log_lines(*messages, level="info"):
    at = "2026-01-02T00:00:00.000Z"
    return [
        OutgoingLine(at=at, body={"component": "agent", "message": each}, level=level)
        for each in messages
    ]


def messages(tenant):
    return [line["message"] for line in tenant.lines.get("logs", [])]


async def test_lines_arrive_in_order_and_are_gone(tenant, courier, store, spool):
    spool.put(Lane.LOGS, log_lines("one", "two"))
    spool.put(Lane.LOGS, log_lines("three"))
    assert await courier.send(Lane.LOGS)
    assert messages(tenant) == ["one", "two", "three"]
    request = tenant.requests[-1]
    assert (request.method, request.path) == ("POST", f"/api/v1/device/{UUID}/logs")
    assert request.headers["content-type"] == "application/x-ndjson"
    assert "content-encoding" not in request.headers, "it doesn't pay"
    assert store.outbox.waiting() == {}
    assert await courier.send(Lane.LOGS), "nothing is left"
    assert len(tenant.requests) == 1


async def test_what_pays_is_packed(tenant, courier, spool):
    spool.put(Lane.LOGS, log_lines(*[f"a line like the others {n}" for n in range(50)]))
    await courier.send(Lane.LOGS)
    request = tenant.requests[-1]
    assert request.headers["content-encoding"] == "gzip"
    assert int(request.headers["content-length"]) < 1500
    assert len(messages(tenant)) == 50


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_what_may_be_taken_later_stays(tenant, courier, store, spool, status):
    spool.put(Lane.LOGS, log_lines("one"))
    tenant.force("/api", status, "word", Retry_After="7")
    with pytest.raises(CloudUnavailable) as caught:
        await courier.send(Lane.LOGS)
    assert caught.value.wait == 7
    assert store.outbox.waiting() == {Lane.LOGS: 1}
    assert store.outbox.lost("refused") == {}


async def test_a_dead_key_stops_the_lane_and_loses_nothing(tenant, courier, store, spool):
    spool.put(Lane.LOGS, log_lines("one"))
    tenant.force("/api", 401, "unauthorized")
    with pytest.raises(Unauthorized):
        await courier.send(Lane.LOGS)
    assert store.outbox.waiting() == {Lane.LOGS: 1}


async def test_the_line_that_is_named_is_set_aside(tenant, courier, store, spool):
    spool.put(Lane.LOGS, log_lines("one", "two", "three"))
    errors = [{"pointer": "/1/message", "detail": "no"}]
    tenant.forced.append(("/api", 422, {}, {"code": "invalid", "title": "x", "errors": errors}))
    assert not await courier.send(Lane.LOGS)
    assert await courier.send(Lane.LOGS)
    assert messages(tenant) == ["one", "three"]
    body, status = store._database.row("SELECT body, status FROM set_aside")
    assert (json.loads(body)[0]["message"], status) == ("two", 422)
    assert store.outbox.lost("refused") == {"logs": 1}


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_is_halved_until_it_is_taken(tenant, courier, store, spool, status):
    texts = [f"n{number}" for number in range(8)]
    spool.put(Lane.LOGS, log_lines(*texts))
    tenant.force("/api", status, "word")
    tenant.force("/api", status, "word")
    while not await courier.send(Lane.LOGS):
        pass
    assert messages(tenant) == texts
    counts = [len(request.body) for request in tenant.requests]
    assert counts == [8, 4, 2, 4, 2]
    assert store.outbox.lost("refused") == {}


async def test_a_line_that_is_too_large_alone_is_set_aside(tenant, courier, store, spool):
    spool.put(Lane.LOGS, log_lines("one", "two"))
    tenant.force("/api", 413, "too_large")
    tenant.force("/api", 413, "too_large")
    while not await courier.send(Lane.LOGS):
        pass
    assert messages(tenant) == ["two"]
    assert store.outbox.lost("refused") == {"logs": 1}


@pytest.mark.parametrize("status", [403, 404, 409])
async def test_a_refused_batch_is_set_aside_whole(tenant, courier, store, spool, status):
    spool.put(Lane.LOGS, log_lines("one", "two"))
    tenant.force("/api", status, "word")
    with pytest.raises(CloudUnavailable):
        await courier.send(Lane.LOGS)
    assert (store.outbox.waiting(), store.outbox.lost("refused")) == ({}, {"logs": 2})


@pytest.mark.parametrize(
    ("status", "pointer", "count", "expected"),
    [
        (422, "/3/at", 10, (Fate.ONE_ASIDE, 3)),
        (422, "/3", 10, (Fate.ONE_ASIDE, 3)),
        (422, "/10", 10, (Fate.HALVED, 0)),
        (422, "/at", 10, (Fate.HALVED, 0)),
        (422, None, 1, (Fate.ALL_ASIDE, 0)),
        (413, "/3", 10, (Fate.HALVED, 0)),
        (404, "/3", 10, (Fate.ALL_ASIDE, 0)),
        (415, None, 10, (Fate.ALL_ASIDE, 0)),
    ],
)
def test_what_becomes_of_a_refused_batch(status, pointer, count, expected):
    assert verdict(status, pointer, count) == expected


def test_turns():
    lan, some = CADENCES["lan"], {Lane.LOGS: 3, Lane.METRICS: 1}
    turns = Turns()
    assert turns.next({}, frozenset(), lan, 100) is None
    assert turns.wait({}, frozenset(), lan, 100) is None
    assert turns.next(some, frozenset(), lan, 100) is Lane.METRICS, "in order of importance"
    turns = turns.done(Lane.METRICS, 100)
    assert turns.next(some, frozenset(), lan, 100) is Lane.LOGS
    turns = turns.done(Lane.LOGS, 101)
    assert turns.next(some, frozenset(), lan, 105) is None
    assert turns.wait(some, frozenset(), lan, 105) == 1
    assert turns.next(some, frozenset(), lan, 106) is Lane.LOGS
    assert turns.next(some, {Lane.LOGS}, lan, 106) is None
    assert turns.wait(some, {Lane.LOGS, Lane.METRICS}, lan, 106) is None
    assert turns.next({Lane.EVENTS: 1, **some}, frozenset(), lan, 500) is Lane.EVENTS
    assert CADENCES.keys() == {"lan", "lte", "metered"}
    assert all(each.keys() == set(Lane) for each in CADENCES.values())


@pytest.fixture
async def running(courier, store, spool, monkeypatch):
    """The loop, with sleeps written down instead of slept."""
    naps, held, sleep = [], set(), asyncio.sleep

    async def nap(seconds):
        naps.append(seconds)
        await sleep(0)

    monkeypatch.setattr(loop_module.asyncio, "sleep", nap)
    task = asyncio.create_task(
        send_lanes(
            courier=courier,
            waiting=store.outbox.waiting,
            held=lambda: held,
            cadence=lambda: CADENCES["lan"],
            bell=spool._bell,
            now=asyncio.get_running_loop().time,
            random=lambda: 0.5,
        )
    )
    yield naps, held, task
    task.cancel()


async def until(holds) -> None:
    async with asyncio.timeout(8):
        while not holds():
            await asyncio.to_thread(lambda: None)


async def test_an_event_is_sent_at_once(tenant, running, spool):
    spool.tell(EventType.STATE_APPLIED, version=3)
    await until(lambda: tenant.lines.get("events"))
    assert tenant.lines["events"] == [
        {"stream": "stream", "epoch": 1, "sequence": 1, "at": "2026-01-02T00:00:00.000Z",
         "type": "state-applied", "data": {"version": 3}}
    ]  # fmt: skip


async def test_a_cloud_that_is_away_gets_it_all_later(tenant, running, store, spool):
    naps, _, _ = running
    for _ in range(4):
        tenant.force("/api", 500, "internal")
    spool.put(Lane.LOGS, log_lines("one"))
    spool.tell(EventType.AGENT_STARTED)
    await until(lambda: not store.outbox.waiting())
    assert naps == [1, 2, 4, 8]
    assert (messages(tenant), len(tenant.lines["events"])) == (["one"], 1)


async def test_lines_that_come_while_nothing_waits_are_sent(tenant, running, spool):
    spool.tell(EventType.AGENT_STARTED)
    await until(lambda: tenant.lines.get("events"))
    spool.put(Lane.LOGS, log_lines("one"))
    await until(lambda: messages(tenant) == ["one"])


async def test_a_held_lane_waits(tenant, running, store, spool):
    _, held, _ = running
    held.add(Lane.LOGS)
    spool.put(Lane.LOGS, log_lines("one"))
    spool.tell(EventType.AGENT_STARTED)
    await until(lambda: tenant.lines.get("events"))
    assert messages(tenant) == []
    held.clear()
    spool.tell(EventType.AGENT_STARTED)
    await until(lambda: messages(tenant))


async def test_401_ends_the_loop(tenant, running, spool):
    tenant.force("/api", 401, "unauthorized")
    spool.tell(EventType.AGENT_STARTED)
    with pytest.raises(Unauthorized):
        await running[2]


def test_dropping_is_told_once_an_hour(store, tmp_path):
    clock = [NOW]
    small = Store.open(tmp_path / "small.sqlite", lambda: NOW, Bound(rows=5))
    spool = Spool(small.outbox, Bell(), lambda: clock[0], lambda: "s")
    for _ in range(3):
        spool.put(Lane.LOGS, log_lines(*"abcdef"))
    events = [json.loads(each.text) for each in small.outbox.batch(Lane.EVENTS, 10, 10**6)]
    assert [(each["type"], each["data"]) for each in events] == [
        ("lines-dropped", {"dropped": {"logs": 1}})
    ]
    small.close()


def test_what_a_full_disk_did_not_take_is_counted_later(store, spool):
    connection = store._database._connection
    connection.set_authorizer(
        lambda action, *_: (
            sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_INSERT else sqlite3.SQLITE_OK
        )
    )
    spool.tell(EventType.AGENT_STARTED)
    assert not spool.put(Lane.LOGS, log_lines("one"))
    connection.set_authorizer(None)
    assert spool.put(Lane.LOGS, log_lines("one"))
    assert store.outbox.waiting() == {Lane.LOGS: 1}
    assert store.outbox.lost("dropped") == {"events": 1}, "who puts logs keeps them and tries again"
