"""Lanes of a device: NDJSON in, each line once, and what people see of it."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iotistic_contract.codec import format_time
from iotistic_contract.lanes import MAX_LINE, MAX_LINES, Lane
from iotistic_contract.plans import PLANS
from iotistic_tenant_api.scheduling.runtime import housekeeping
from iotistic_tenant_api.storage.lanes import PostgresLogs, PostgresReadings
from iotistic_tenant_api.storage.reports import STREAMS_KEPT
from iotistic_tenant_api.testing import MemoryDevice

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

BODIES: dict[Lane, dict[str, Any]] = {
    Lane.LOGS: {"level": "info", "service": "web", "message": "hello"},
    Lane.METRICS: {"metrics": {"cpu_usage": 1.5, "load": [1, 2, 3]}},
    Lane.EVENTS: {"type": "state-applied", "data": {"version": 3}},
    Lane.READINGS: {"sensor_id": "bme688", "value": 21.5, "unit": "°C"},
}
TABLES = {
    Lane.LOGS: "device_logs",
    Lane.METRICS: "device_metrics",
    Lane.EVENTS: "events WHERE type LIKE 'device.%%'",
    Lane.READINGS: "device_readings",
}


def line(api: Any, lane: Lane, sequence: int, **changes: Any) -> dict[str, Any]:
    mark = {"stream": "s", "epoch": 1, "sequence": sequence, "at": format_time(api.clock.now())}
    return mark | BODIES[lane] | changes


def ndjson(lines: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


async def post(api: Any, device: MemoryDevice, lane: Lane, content: Any, **headers: str) -> Any:
    body = content if isinstance(content, bytes) else ndjson(content)
    told = device.headers | {"Content-Type": "application/x-ndjson"}
    told |= {name.replace("_", "-"): text for name, text in headers.items()}
    path = f"/api/v1/device/{device.uuid}/{lane}"
    return await api.ask("POST", path, headers=told, body=body)


async def count(api: Any, lane: Lane) -> int:
    return int((await api.rows(f"SELECT count(*) FROM {TABLES[lane]}"))[0][0])  # noqa: S608


async def logs(api: Any, device: MemoryDevice, **query: Any) -> Any:
    path = f"/api/v1/devices/{device.uuid}/logs"
    answer = await api.call("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize("lane", list(Lane))
async def test_each_line_is_stored_once(api: Any, lane: Lane) -> None:
    device = await api.registered()
    batch = [line(api, lane, number) for number in (1, 2, 3)]
    for _ in range(2):
        assert (await post(api, device, lane, batch)).status_code == 204
    assert await count(api, lane) == 3
    batch = [line(api, lane, number) for number in (2, 3, 4, 9)]
    assert (await post(api, device, lane, batch)).status_code == 204
    assert await count(api, lane) == 5, "what overlaps isn't stored again"
    again = [line(api, lane, 1, epoch=2), line(api, lane, 1, stream="t")]
    assert (await post(api, device, lane, again)).status_code == 204
    assert await count(api, lane) == 7
    marks = await api.rows(
        "SELECT lane, stream, epoch, sequence, repeats FROM device_marks ORDER BY stream"
    )
    repeats = 1 if lane is Lane.LOGS else 5
    assert marks == [(str(lane), "s", 2, 1, repeats), (str(lane), "t", 1, 1, 0)]


@pytest.mark.parametrize("lane", list(Lane))
async def test_lanes_of_one_device_do_not_meet(api: Any, lane: Lane) -> None:
    device, other = await api.registered(), await api.registered()
    for one in Lane:
        assert (await post(api, device, one, [line(api, one, 5)])).status_code == 204
    assert (await post(api, other, lane, [line(api, lane, 5)])).status_code == 204
    assert await count(api, lane) == 2


async def test_marks_start_anew_with_a_registration(api: Any) -> None:
    key, device = await api.provisioning_key(), MemoryDevice()
    await api.register(device, key)
    await post(api, device, Lane.LOGS, [line(api, Lane.LOGS, 9)])
    await api.register(device, key)
    await post(api, device, Lane.LOGS, [line(api, Lane.LOGS, 1)])
    assert await count(api, Lane.LOGS) == 2


async def test_gzip_is_taken_and_nothing_is_nothing(api: Any) -> None:
    device = await api.registered()
    body = gzip.compress(ndjson([line(api, Lane.LOGS, n) for n in range(1, 2000)]))
    answer = await post(api, device, Lane.LOGS, body, Content_Encoding="gzip")
    assert answer.status_code == 204
    assert await count(api, Lane.LOGS) == 1999
    assert (await post(api, device, Lane.LOGS, b"")).status_code == 204


GOOD = b'{"stream":"s","epoch":1,"sequence":1,"at":"2026-11-24T10:00:00.000Z","type":"x"}\n'


@pytest.mark.parametrize(
    ("content", "headers", "status", "code", "pointer"),
    [
        (b"{", {}, 400, "malformed", None),
        (GOOD + b"[" * 33 + b"]" * 33, {}, 400, "malformed", None),
        (GOOD + b'{"a": 1, "a": 2}', {}, 400, "malformed", None),
        (GOOD + b"\n" + GOOD, {}, 400, "malformed", None),
        (GOOD + b"\xff", {}, 400, "malformed", None),
        (GOOD + b"{}", {}, 422, "invalid", "/1/stream"),
        (GOOD + b"[]", {}, 422, "invalid", "/1"),
        (GOOD.replace(b"x", b"\\u0000"), {}, 422, "invalid", "/0/type"),
        (GOOD.replace(b'"sequence":1', b'"sequence":0'), {}, 422, "invalid", "/0/sequence"),
        (GOOD.replace(b'"x"', b'"' + b"x" * MAX_LINE + b'"'), {}, 422, "invalid", "/0"),
        (GOOD * (MAX_LINES + 1), {}, 413, "too_large", None),
        (b" " * (16 * 2**20 + 1), {}, 413, "too_large", None),
        (GOOD, {"Content_Type": "application/json"}, 415, "encoding", None),
        (GOOD, {"Content_Encoding": "br"}, 415, "encoding", None),
        (GOOD, {"X_Iotistic_Schema": "zero"}, 422, "invalid", None),
    ],
)
async def test_bad_batches_store_nothing(
    api: Any, content: bytes, headers: dict[str, str], status: int, code: str, pointer: str | None
) -> None:
    device = await api.registered()
    answer = await post(api, device, Lane.EVENTS, content, **headers)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer
    assert await count(api, Lane.EVENTS) == 0
    assert await api.rows("SELECT 1 FROM device_marks") == []


async def test_a_batch_of_too_many_streams_is_refused(api: Any) -> None:
    device = await api.registered()
    batch = [line(api, Lane.EVENTS, 1, stream=f"s{n}") for n in range(STREAMS_KEPT + 1)]
    answer = await post(api, device, Lane.EVENTS, batch)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"/{STREAMS_KEPT}/stream"
    assert await count(api, Lane.EVENTS) == 0


async def test_a_key_of_a_registration_that_ended_is_refused(api: Any) -> None:
    device = await api.registered()
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    answer = await post(api, device, Lane.LOGS, [line(api, Lane.LOGS, 1)])
    assert answer.status_code == 401
    assert await count(api, Lane.LOGS) == 0


async def test_a_removed_devices_lines_go(api: Any) -> None:
    device = await api.registered()
    for lane in (Lane.LOGS, Lane.READINGS):
        await post(api, device, lane, [line(api, lane, 1)])
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    assert (await count(api, Lane.LOGS), await count(api, Lane.READINGS)) == (0, 0)


async def test_metrics_go_where_those_of_reports_are(api: Any) -> None:
    device = await api.registered()
    now = api.clock.now()
    times = [now - timedelta(hours=hours) for hours in (30, 3, 2, 1)]
    batch = [
        line(api, Lane.METRICS, number, at=format_time(at), metrics={"cpu_usage": number})
        for number, at in enumerate(times, 1)
    ]
    batch.append(line(api, Lane.METRICS, 9, metrics={"top_processes": []}))
    assert (await post(api, device, Lane.METRICS, batch)).status_code == 204
    path = f"/api/v1/devices/{device.uuid}/metrics"
    found = (await api.call("GET", path, params={"names": "cpu_usage"})).json["series"]
    assert found == {
        "cpu_usage": [[format_time(at), float(n)] for n, at in enumerate(times[1:], 2)]
    }
    state = await api.call("GET", f"/api/v1/devices/{device.uuid}/current-state")
    assert state.json["report"] is None, "history is no current state"


async def test_events_stand_in_the_timeline(api: Any) -> None:
    device = await api.registered()
    early = format_time(api.clock.now() - timedelta(hours=2))
    batch = [
        line(api, Lane.EVENTS, 1, at=early),
        line(api, Lane.EVENTS, 2, type="container-crashed", data={"exitCode": 1}),
        line(api, Lane.EVENTS, 3, type="removed", at="1970-01-01T00:00:00.000Z"),
    ]
    assert (await post(api, device, Lane.EVENTS, batch)).status_code == 204
    items = (await api.call("GET", f"/api/v1/devices/{device.uuid}/events")).json["items"]
    now = format_time(api.clock.now())
    found = [(e["type"], e["severity"], e["actor"], e["at"], e["data"]) for e in items[:3]]
    assert found == [
        ("device.removed", "info", "device", now, {"version": 3}),
        ("device.container-crashed", "warning", "device", now, {"exitCode": 1}),
        ("device.state-applied", "info", "device", early, {"version": 3}),
    ]
    assert (await api.call("GET", f"/api/v1/devices/{device.uuid}")).status_code == 200


async def test_readings_keep_value_and_unit(api: Any) -> None:
    device = await api.registered()
    read = format_time(api.clock.now() - timedelta(seconds=5))
    batch = [
        line(api, Lane.READINGS, 1, timestamp=read, quality="good"),
        line(api, Lane.READINGS, 2, value=True, unit=None),
    ]
    assert (await post(api, device, Lane.READINGS, batch)).status_code == 204
    rows = await api.rows("SELECT sensor_id, value, unit, extra, at FROM device_readings")
    now = api.clock.now()
    assert [row[:4] for row in rows] == [
        ("bme688", 21.5, "°C", {"quality": "good"}), ("bme688", True, None, {}),
    ]  # fmt: skip
    assert [row[4] for row in rows] == [now - timedelta(seconds=5), now]


async def test_people_read_lines_newest_first_in_pages(api: Any) -> None:
    device = await api.registered()
    batch = [line(api, Lane.LOGS, n, message=f"m{n}", output="stderr") for n in range(1, 6)]
    await post(api, device, Lane.LOGS, batch)
    seen: list[str] = []
    before = None
    while True:
        page = await logs(api, device, limit=2, **({"before": before} if before else {}))
        seen += [one["message"] for one in page["items"]]
        before = page["next"]
        if before is None:
            break
    assert seen == ["m5", "m4", "m3", "m2", "m1"]
    newest = (await logs(api, device, limit=1))["items"][0]
    now = format_time(api.clock.now())
    assert newest == {
        "id": newest["id"], "at": now, "receivedAt": now, "level": "info", "service": "web",
        "component": None, "message": "m5", "extra": {"output": "stderr"},
    }  # fmt: skip


async def test_people_ask_for_some_lines(api: Any) -> None:
    device, other = await api.registered(), await api.registered()
    old = format_time(api.clock.now() - timedelta(hours=1))
    batch = [
        line(api, Lane.LOGS, 1, message="debug", level="debug", at=old),
        line(api, Lane.LOGS, 2, message="error", level="error", service="db"),
        line(api, Lane.LOGS, 3, message="strange", level="notice"),
        line(api, Lane.LOGS, 4, message="agent", level="warning", service=None,
             component="cloudSync"),
    ]  # fmt: skip
    await post(api, device, Lane.LOGS, batch)
    await post(api, other, Lane.LOGS, [line(api, Lane.LOGS, 1, message="foreign")])

    async def found(**query: Any) -> list[str]:
        return [one["message"] for one in (await logs(api, device, **query))["items"]]

    assert await found() == ["agent", "strange", "error", "debug"]
    assert await found(level="info") == ["agent", "strange", "error"]
    assert await found(level="warning") == ["agent", "error"]
    assert await found(level="error") == ["error"]
    assert await found(service="db") == ["error"]
    assert await found(component="cloudSync") == ["agent"]
    assert await found(since=format_time(api.clock.now())) == ["agent", "strange", "error"]


@pytest.mark.parametrize(
    "query", [{"level": "loud"}, {"limit": "0"}, {"limit": "1001"}, {"since": "now"}, {"x": "1"}]
)
async def test_wrong_questions(api: Any, query: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/devices/{device.uuid}/logs"
    assert (await api.call("GET", path, params=query)).status_code == 422
    missing = f"/api/v1/devices/{MemoryDevice().uuid}/logs"
    assert (await api.call("GET", missing)).status_code == 404


async def test_a_viewer_reads_lines(api: Any) -> None:
    device, viewer = await api.registered(), await api.person("viewer")
    answer = await api.by(viewer, "GET", f"/api/v1/devices/{device.uuid}/logs")
    assert (answer.status_code, answer.json) == (200, {"items": [], "next": None})


async def test_lines_are_kept_as_the_plan_says_and_so_many_of_a_device(
    api: Any, conninfo: str
) -> None:
    device, other = await api.registered(), await api.registered()
    for lane in (Lane.LOGS, Lane.READINGS):
        await post(api, device, lane, [line(api, lane, n) for n in range(1, 8)])
        await post(api, other, lane, [line(api, lane, n) for n in range(1, 3)])
    async with api.worker.database.transaction() as connection:
        assert await PostgresLogs(connection).shorten(5) == 2
        assert await PostgresReadings(connection).shorten(5) == 2
    kept = await api.rows("SELECT count(*), min(id) FROM device_logs")
    assert kept == [(7, 3)]
    settings = api.files.settings(
        conninfo, iotistic_license_key=api.worker.settings.iotistic_license_key
    )
    api.clock.advance(timedelta(days=PLANS["professional"].retention_days + 29))
    await housekeeping(settings, api.clock)
    assert (await count(api, Lane.LOGS), await count(api, Lane.READINGS)) == (7, 7)
    api.clock.advance(timedelta(days=2))
    await housekeeping(settings, api.clock)
    assert (await count(api, Lane.LOGS), await count(api, Lane.READINGS)) == (0, 0)
