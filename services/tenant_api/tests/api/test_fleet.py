"""Lists and the overview beside a naive model in Python, over a seeded fleet."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from iotistic_contract.codec import format_time
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = [pytest.mark.real, pytest.mark.timeout(90)]

SIZE = 300
RANKS = ("failing", "offline", "outdated", "never_seen", "online")
SORTS = ("name", "-name", "status", "-status", "lastSeen", "-lastSeen", "version", "-version")


@dataclass(frozen=True)
class One:
    """A device as the test made it."""

    uuid: str
    name: str
    kind: str | None
    tags: dict[str, str]
    created: datetime
    seen: datetime | None
    interval: int | None
    agent: str | None
    target: int
    written: datetime
    applied: int | None
    status: str | None
    failing: int
    failing_since: datetime | None

    def holds(self, now: datetime) -> set[str]:
        if self.seen is None:
            return {"never_seen"}
        near = now - self.seen < 3 * timedelta(milliseconds=self.interval or 30_000)
        found = {"online" if near else "offline"}
        if self.status in {"failed", "rolled_back"} or self.failing:
            found.add("failing")
        if self.target > 0 and self.applied != self.target:
            found.add("outdated")
        return found

    def worst(self, now: datetime) -> str:
        return next(word for word in RANKS if word in self.holds(now))

    def key(self, sort: str, now: datetime) -> Any:
        return {
            "name": self.name.lower(),
            "status": RANKS.index(self.worst(now)),
            "lastSeen": self.seen,
            "version": self.applied,
        }[sort]

    def matches(self, q: str) -> bool:
        texts = [self.name, self.uuid, self.kind or ""]
        texts += [f"{key}={value}" for key, value in self.tags.items()]
        return any(q.lower() in text.lower() for text in texts)


def fleet(now: datetime, size: int) -> list[One]:
    draw = random.Random(7)  # noqa: S311 - a test's fleet

    def one(number: int) -> One:
        seen = draw.choice([None, *[now - timedelta(seconds=s) for s in (1, 89, 90, 91, 4000)]])
        target = draw.choice([0, 1, 3, 7])
        status = None if seen is None else draw.choice(["applied", "failed", "rolled_back", None])
        failing = 0 if status is None else draw.choice([0, 0, 2])
        bad = status in {"failed", "rolled_back"} or failing > 0
        return One(
            uuid=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            name=draw.choice(["Lamp", "lamp", "pump", "A_b", "a%b", "Gate"]) + f" {number % 40}",
            kind=draw.choice([None, "x86", "arm"]),
            tags=draw.choice([{}, {"site": "roof"}, {"site": "cellar", "row": str(number % 5)}]),
            created=now - timedelta(minutes=draw.choice([1, 59, 60, 61, 600])),
            seen=seen,
            interval=draw.choice([None, 0, 1000, 30_000, 3_600_000]),
            agent=None if seen is None else draw.choice(["1.0.0", "1.1.0", None]),
            target=target,
            written=now - timedelta(minutes=draw.choice([1, 4, 5, 6, 90])),
            applied=None if status is None else draw.choice([None, 1, 3, 7]),
            status=status,
            failing=failing,
            failing_since=now - timedelta(minutes=number) if bad else None,
        )

    return [one(number) for number in range(size)]


async def seed(api: Any, devices: list[One]) -> None:
    async with (
        api.worker.database.transaction() as connection,
        connection.cursor() as cursor,
    ):
        await cursor.executemany(
            """INSERT INTO devices (uuid, name, device_type, tags, created_at, last_seen_at,
                   poll_interval_ms, agent_version)
               VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s)""",
            [
                (d.uuid, d.name, d.kind, str(d.tags).replace("'", '"'), d.created, d.seen,
                 d.interval, d.agent)
                for d in devices
            ],
        )  # fmt: skip
        await cursor.executemany(
            """INSERT INTO device_target_state (device_uuid, version, spec_revision, spec,
                   changed_at) VALUES (%s, %s, 1, '{"apps": {}, "config": {}}', %s)""",
            [(d.uuid, d.target, d.written) for d in devices if d.target],
        )
        await cursor.executemany(
            """UPDATE devices SET report_status = %s, applied_version = %s, failing_since = %s,
                   services_failing = %s, services_total = 5, services_running = 2,
                   services_stopped = 1, services_paused = 1 WHERE uuid = %s""",
            [
                (d.status, d.applied, d.failing_since, d.failing, d.uuid)
                for d in devices
                if d.status
            ],
        )


def ordered(devices: list[One], sort: str | None, now: datetime) -> list[str]:
    found = sorted(devices, key=lambda d: d.uuid)
    if sort is not None:
        name = sort.removeprefix("-")
        known = [d for d in found if d.key(name, now) is not None]
        unknown = [d for d in found if d.key(name, now) is None]
        known.sort(key=lambda d: d.key(name, now), reverse=sort.startswith("-"))
        if sort.startswith("-"):  # ties stay by uuid
            known.sort(key=lambda d: d.uuid)
            known.sort(key=lambda d: d.key(name, now), reverse=True)
        found = known + unknown
    return [d.uuid for d in found]


async def listed(api: Any, **query: Any) -> Any:
    answer = await api.call("GET", "/api/v1/devices", params={"limit": 1000} | query)
    assert answer.status_code == 200, answer.text
    return answer.json


async def test_lists_are_as_a_naive_model_says(api: Any) -> None:
    now = api.clock.now()
    devices = fleet(now, SIZE)
    await seed(api, devices)
    for sort in SORTS:
        page = await listed(api, sort=sort)
        assert [item["uuid"] for item in page["items"]] == ordered(devices, sort, now), sort
        assert page["total"] == SIZE
    for status in RANKS:
        wanted = [d for d in devices if status in d.holds(now)]
        assert 0 < len(wanted) < SIZE
        page = await listed(api, status=status, sort="name")
        assert [item["uuid"] for item in page["items"]] == ordered(wanted, "name", now), status
        assert page["total"] == len(wanted)
    for q in ("LAMP", "a_b", "a%b", "site=ro", "row", "ARM", devices[3].uuid[5:15], "nowhere"):
        wanted = [d for d in devices if d.matches(q)]
        page = await listed(api, q=q, offset=0)
        assert [item["uuid"] for item in page["items"]] == ordered(wanted, None, now), q
    by_uuid = {item["uuid"]: item for item in (await listed(api))["items"]}
    for device in devices:
        item = by_uuid[device.uuid]
        assert (item["status"], item["online"]) == (
            device.worst(now), "online" in device.holds(now),
        )  # fmt: skip
        assert (item["targetVersion"], item["appliedVersion"], item["reportStatus"]) == (
            device.target, device.applied, device.status,
        )  # fmt: skip
        assert (item["servicesRunning"], item["servicesTotal"]) == (
            (2, 5) if device.status else (0, 0)
        )


async def test_pages_by_offset_and_by_uuid_are_the_same_fleet(api: Any) -> None:
    now = api.clock.now()
    devices = fleet(now, 60)
    await seed(api, devices)
    by_offset: list[str] = []
    for offset in range(0, 80, 20):
        page = await listed(api, sort="-name", limit=20, offset=offset, q="a")
        by_offset += [item["uuid"] for item in page["items"]]
    assert by_offset == ordered([d for d in devices if d.matches("a")], "-name", now)
    by_uuid: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await listed(api, limit=7, after=after, status="offline")
        assert page["total"] is None
        by_uuid += [item["uuid"] for item in page["items"]]
        after = page["next"]
    assert by_uuid == ordered([d for d in devices if "offline" in d.holds(now)], None, now)
    refused = await api.call("GET", "/api/v1/devices", params={"sort": "name", "after": by_uuid[0]})
    assert refused.status_code == 422


async def test_the_overview_is_as_a_naive_model_says(api: Any) -> None:
    now = api.clock.now()
    devices = fleet(now, SIZE)
    await seed(api, devices)
    view = (await api.call("GET", "/api/v1/overview")).json
    words = {"neverSeen": "never_seen"}
    for name, count in view["devices"].items():
        word = words.get(name, name)
        wanted = SIZE if name == "total" else sum(word in d.holds(now) for d in devices)
        assert count == wanted, name
    counts = view["devices"]
    assert counts["online"] + counts["offline"] + counts["neverSeen"] == counts["total"]
    reported = [d for d in devices if d.status]
    assert view["services"] == {
        "running": 2 * len(reported),
        "stopped": len(reported),
        "paused": len(reported),
        "failing": sum(d.failing for d in reported),
    }
    needy = sorted(filter(None, (_need(device, now) for device in devices)))[:20]
    assert [(item["reason"], item["since"], item["uuid"]) for item in view["attention"]] == [
        (RANKS[rank], format_time(since), uuid_) for rank, since, uuid_ in needy
    ]
    agents = [d.agent for d in devices if d.agent]
    assert {one["agentVersion"]: one["count"] for one in view["versions"]} == {
        agent: agents.count(agent) for agent in set(agents)
    }


def _need(device: One, now: datetime) -> tuple[int, datetime, str] | None:
    worst = device.worst(now)
    since = {
        "failing": device.failing_since,
        "offline": device.seen,
        "outdated": device.written,
        "never_seen": device.created,
    }.get(worst)
    patience = {"outdated": 5, "never_seen": 60}.get(worst, 0)
    if since is None or now - since < timedelta(minutes=patience):
        return None
    return RANKS.index(worst), since, device.uuid


async def test_an_empty_fleet(api: Any) -> None:
    view = (await api.call("GET", "/api/v1/overview")).json
    assert set(view["devices"].values()) == set(view["services"].values()) == {0}
    assert (view["attention"], view["versions"]) == ([], [])
    page = await listed(api, sort="name", offset=10)
    assert page == {"items": [], "next": None, "total": 0}


async def test_what_a_report_comes_to_is_listed(api: Any) -> None:
    device = await api.registered()
    report = {
        "schema": 1, "stream": "s", "epoch": 1, "sequence": 1, "at": "2026-11-24T10:00:00.000Z",
        "status": "applied", "targetVersion": 2, "appliedVersion": 2, "agentVersion": "1.2.3",
        "apps": {"web": {"services": {
            "a": {"state": "running"},
            "b": {"state": "running", "health": "unhealthy"},
            "c": {"state": "exited"},
            "d": {"state": "paused"},
            "e": {"state": "pulling"},
            "f": {"state": "dead", "error": {"type": "start", "message": "no such file"}},
        }}},
    }  # fmt: skip
    answer = await api.ask("PATCH", "/api/v1/device/state", report, headers=device.headers)
    assert answer.status_code == 204
    item = (await listed(api))["items"][0]
    assert (item["status"], item["servicesRunning"], item["servicesTotal"]) == ("failing", 1, 6)
    assert item["failure"] == {"type": "health", "message": "unhealthy", "serviceId": "b"}
    view = (await api.call("GET", "/api/v1/overview")).json
    assert view["services"] == {"running": 1, "stopped": 1, "paused": 1, "failing": 2}
    assert view["attention"][0]["detail"] == "unhealthy"
    since = view["attention"][0]["since"]
    api.clock.advance(timedelta(seconds=5))
    again = report | {"sequence": 2}
    await api.ask("PATCH", "/api/v1/device/state", again, headers=device.headers)
    view = (await api.call("GET", "/api/v1/overview")).json
    assert view["attention"][0]["since"] == since, "it fails since then"
    well = report | {"sequence": 3, "apps": None}
    await api.ask("PATCH", "/api/v1/device/state", well, headers=device.headers)
    assert (await listed(api))["items"][0]["status"] == "online"


async def test_a_removed_device_is_in_no_list(api: Any) -> None:
    device = await api.registered()
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    assert (await listed(api))["items"] == []
    assert (await api.call("GET", "/api/v1/overview")).json["devices"]["total"] == 0
    missing = await api.call("GET", f"/api/v1/devices/{MemoryDevice().uuid}/metrics")
    assert missing.status_code == 404
