"""Metrics, events of reports, presence, and how long all that is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotistic_contract.codec import format_time, parse_time
from iotistic_contract.plans import PLANS
from iotistic_tenant_api.scheduling.presence import GRACE, NoticePresence
from iotistic_tenant_api.scheduling.runtime import housekeeping
from iotistic_tenant_api.scheduling.tasks import EndOverrides
from iotistic_tenant_api.testing import MemoryDevice, spec

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


async def report(api: Any, device: MemoryDevice, sequence: int, **sections: Any) -> None:
    body = {
        "schema": 1, "stream": "s", "epoch": 1, "sequence": sequence,
        "at": format_time(api.clock.now()),
    } | sections  # fmt: skip
    answer = await api.ask("PATCH", "/api/v1/device/state", body, headers=device.headers)
    assert answer.status_code == 204, answer.text


async def events(api: Any, device: MemoryDevice, **query: Any) -> list[Any]:
    path = f"/api/v1/devices/{device.uuid}/events"
    items: list[Any] = (await api.call("GET", path, params=query)).json["items"]
    return items


async def series(api: Any, device: MemoryDevice, **query: Any) -> Any:
    path = f"/api/v1/devices/{device.uuid}/metrics"
    answer = await api.call("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json["series"]


def apps(**states: Any) -> Any:
    told = {
        name: state if isinstance(state, dict) else {"state": state}
        for name, state in states.items()
    }
    return {"web": {"services": told}}


async def test_metrics_come_with_reports_and_go_back_as_series(api: Any) -> None:
    device = await api.registered()
    times = []
    for number in range(3):
        times.append(format_time(api.clock.now()))
        metrics = {"cpu_usage": number * 1.5, "load": [1, 5, 15], "top_processes": [{"pid": 1}],
                   "is_undervolted": True}  # fmt: skip
        await report(api, device, number + 1, metrics=metrics)
        api.clock.advance(timedelta(minutes=1))
    found = await series(api, device, names="cpu_usage,load_5,top_processes,is_undervolted")
    assert found == {
        "cpu_usage": [[times[0], 0.0], [times[1], 1.5], [times[2], 3.0]],
        "load_5": [[time, 5.0] for time in times],
        "top_processes": [],
        "is_undervolted": [],
    }
    part = await series(api, device, names="cpu_usage", **{"from": times[1], "to": times[2]})
    assert part == {"cpu_usage": [[times[1], 1.5]]}
    assert "cpu_usage" in await series(api, device), "the usual ones without names"


async def test_a_report_counts_once_and_at_its_own_time(api: Any) -> None:
    device = await api.registered()
    early = api.clock.now() - timedelta(hours=2)
    await report(api, device, 5, metrics={"cpu_usage": 5}, at=format_time(early))
    await report(api, device, 5, metrics={"cpu_usage": 5}, at=format_time(early))
    await report(api, device, 6, metrics={"cpu_usage": 6}, at="1970-01-01T00:00:00.000Z")
    now = api.clock.now()
    assert await series(api, device, names="cpu_usage") == {
        "cpu_usage": [[format_time(early), 5.0], [format_time(now), 6.0]]
    }


async def test_a_day_is_at_most_a_thousand_points(api: Any) -> None:
    device = await api.registered()
    begin = api.clock.now() - timedelta(hours=23)
    await api.rows(
        """INSERT INTO device_metrics (device_uuid, at, metrics)
           SELECT %s, %s + n * interval '10 s', jsonb_build_object('cpu_usage', n, 'uptime', 1)
           FROM generate_series(0, 7999) AS n RETURNING 1""",
        device.uuid, begin,
    )  # fmt: skip
    points = (await series(api, device, names="cpu_usage"))["cpu_usage"]
    assert 900 <= len(points) <= 1000
    assert [parse_time(at) for at, _ in points] == sorted(parse_time(at) for at, _ in points)
    mean = sum(value for _, value in points) / len(points)
    assert abs(mean - 3999.5) < 10
    few = await series(
        api, device, names="cpu_usage",
        **{"from": format_time(begin), "to": format_time(begin + timedelta(minutes=10))},
    )  # fmt: skip
    assert [value for _, value in few["cpu_usage"]] == [float(number) for number in range(60)]


@pytest.mark.parametrize(
    "query",
    [
        {"names": ",".join(f"n{number}" for number in range(17))},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {"from": "yesterday"},
        {"to": "0001-01-01T00:00:00.000Z"},
        {"to": "0001-01-01T00:00:00+14:00"},
        {"from": "9999-12-31T23:59:59.999Z", "to": "0001-01-01T00:00:00.000Z"},
        {"strange": "1"},
    ],
)
async def test_wrong_questions_for_metrics(api: Any, query: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/devices/{device.uuid}/metrics"
    assert (await api.call("GET", path, params=query)).status_code == 422


async def test_reports_leave_events_of_what_changed(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", "b"))
    await report(api, device, 1, status="applying", targetVersion=1, apps=apps(a="pulling"))
    await report(api, device, 2, status="applied", targetVersion=1, appliedVersion=1,
                 apps=apps(a="running"), metrics={"cpu_usage": 1})  # fmt: skip
    await report(api, device, 3, metrics={"cpu_usage": 2})
    failure = {"type": "pull", "message": "no such image"}
    dead = {"state": "dead", "error": {"type": "start", "message": "exec format error"}}
    await report(api, device, 4, status="failed", failedVersion=2, failure=failure,
                 apps=apps(a=dead))  # fmt: skip
    found = [
        (one["type"], one["severity"], one["actor"], one["data"])
        for one in reversed(await events(api, device))
        if one["actor"] == "device"
    ]
    status = {"targetVersion": 1, "appliedVersion": None, "failure": None}
    service = {"appId": "web", "serviceId": "a", "error": None}
    assert found == [
        ("report_status", "info", "device", status | {"status": "applying", "before": None}),
        ("report_status", "info", "device",
         status | {"status": "applied", "before": "applying", "appliedVersion": 1}),
        ("service_state", "info", "device", service | {"before": "pulling", "after": "running"}),
        ("report_status", "error", "device",
         {"status": "failed", "before": "applied", "targetVersion": 1, "appliedVersion": 1,
          "failure": failure}),
        ("service_state", "error", "device",
         service | {"before": "running", "after": "dead", "error": "exec format error"}),
    ]  # fmt: skip


async def test_one_report_leaves_at_most_so_many_events(api: Any) -> None:
    device = await api.registered()
    many = {f"s{number:03}": "running" for number in range(100)}
    await report(api, device, 1, apps=apps(**many))
    await report(api, device, 2, apps=apps(**dict.fromkeys(many, "exited")))
    found = [one for one in await events(api, device) if one["actor"] == "device"]
    assert len(found) == 21
    assert (found[0]["type"], found[0]["data"]) == ("service_states", {"services": 80})


async def test_events_in_pages(api: Any) -> None:
    device = await api.registered()
    for number in range(5):
        await report(api, device, number + 1, status=f"word{number}")
    everything = await events(api, device)
    assert [one["id"] for one in everything] == sorted(
        (one["id"] for one in everything), reverse=True
    )
    seen, before = [], None
    while True:
        query = {"limit": 2} | ({"before": before} if before else {})
        path = f"/api/v1/devices/{device.uuid}/events"
        page = (await api.call("GET", path, params=query)).json
        seen += page["items"]
        before = page["next"]
        if before is None:
            break
    assert seen == everything
    other = await api.registered()
    assert len((await api.call("GET", "/api/v1/events")).json["items"]) == len(everything) + 1
    assert len(await events(api, other)) == 1


async def test_a_change_that_is_rolled_back_leaves_no_event(api: Any) -> None:
    device = await api.registered()
    before = await api.rows("SELECT count(*) FROM events")
    body = spec("a")
    targets = [{"uuid": device.uuid, "specRevision": 0, "spec": body},
               {"uuid": MemoryDevice().uuid, "specRevision": 0, "spec": body}]  # fmt: skip
    answer = await api.call("PUT", "/api/v1/target-states", {"targets": targets})
    assert answer.status_code == 404
    assert await api.rows("SELECT count(*) FROM events") == before


async def test_who_is_gone_and_who_is_back_is_noticed_once(api: Any) -> None:
    device, quiet = await api.registered(), await api.registered()
    notice = NoticePresence(api.worker.database, api.clock)

    async def noticed() -> list[str]:
        await notice()
        found = await events(api, device)
        return [one["type"] for one in reversed(found) if one["actor"] == "scheduler"]

    assert await noticed() == []
    await report(api, device, 1, pollIntervalMs=60_000)
    assert await noticed() == await noticed() == ["online"]
    api.clock.advance(timedelta(minutes=3))
    assert await noticed() == ["online"], "its last sign of life may not be stored yet"
    api.clock.advance(GRACE)
    assert await noticed() == await noticed() == ["online", "offline"]
    item = (await events(api, device, limit=1))[0]
    seen = (await api.call("GET", f"/api/v1/devices/{device.uuid}")).json["lastSeenAt"]
    assert (item["severity"], item["data"]) == ("warning", {"lastSeenAt": seen})
    await report(api, device, 2)
    assert await noticed() == ["online", "offline", "online"]
    assert [one["type"] for one in await events(api, quiet)] == ["registered"]


async def test_metrics_are_kept_a_day_and_events_as_the_plan_says(api: Any, conninfo: str) -> None:
    device = await api.registered()
    await report(api, device, 1, metrics={"cpu_usage": 1})
    settings = api.files.settings(
        conninfo, iotistic_license_key=api.worker.settings.iotistic_license_key
    )

    async def kept() -> tuple[int, int]:
        await housekeeping(settings, api.clock)
        counts = await api.rows(
            "SELECT (SELECT count(*) FROM device_metrics), (SELECT count(*) FROM events)"
        )
        return tuple(counts[0])  # type: ignore[return-value]

    assert await kept() == (1, 1)
    api.clock.advance(timedelta(hours=24, seconds=1))
    assert await kept() == (0, 1)
    days = PLANS["professional"].retention_days + 30
    api.clock.advance(timedelta(days=days - 2))
    assert await kept() == (0, 1)
    api.clock.advance(timedelta(days=2))
    assert await kept() == (0, 0)


async def test_an_override_that_ends_is_an_event(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    until = format_time(api.clock.now() + timedelta(minutes=1))
    path = f"/api/v1/devices/{device.uuid}/apps/web/services/a/stop"
    await api.call("POST", path, {"expiresAt": until})
    api.clock.advance(timedelta(minutes=2))
    await EndOverrides(api.worker.database, api.clock)()
    newest = (await events(api, device, limit=1))[0]
    assert (newest["type"], newest["actor"], newest["data"]) == (
        "override_expired", "scheduler", {"serviceId": "a", "state": "stopped"},
    )  # fmt: skip
