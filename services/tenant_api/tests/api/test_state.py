"""Polls and reports: ETags, marks, sections."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from iotistic_tenant_api.storage.reports import STREAMS_KEPT
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = pytest.mark.real

PATH = "/api/v1/device/state"


def report(**changes: Any) -> dict[str, Any]:
    told = {"schema": 1, "stream": "a", "epoch": 1, "sequence": 1,
            "at": "2026-11-24T10:00:00.000Z", "status": "applied"}  # fmt: skip
    return told | changes


async def send(api: Any, device: Any, body: Any) -> int:
    return int((await api.ask("PATCH", PATH, body, headers=device.headers)).status_code)


async def current(api: Any, device: Any) -> Any:
    answer = await api.call("GET", f"/api/v1/devices/{device.uuid}/current-state")
    return answer.json["report"]


@pytest.mark.parametrize(
    "known", ["*", '"0-x", {}', "{}x", ""], ids=["any", "list", "near", "none"]
)
async def test_only_the_etag_itself_gets_304(api: Any, known: str) -> None:
    device = await api.registered()
    etag = (await api.poll(device)).headers["etag"]
    answer = await api.poll(device, known.replace("{}", etag) or None)
    assert (answer.status_code, answer.headers["etag"]) == (200, etag)


async def test_a_weak_etag_counts_as_itself(api: Any) -> None:
    device = await api.registered()
    etag = (await api.poll(device)).headers["etag"]
    assert (await api.poll(device, f"W/{etag}")).status_code == 304


async def test_sections_are_replaced_whole_and_null_clears_one(api: Any) -> None:
    device = await api.registered()
    await send(api, device, report(apps={"a": {"services": {}}}, system={"x": 1, "y": 2}))
    await send(api, device, report(sequence=2, system={"x": 3}, apps=None, strange={"n": 1}))
    told = await current(api, device)
    assert told["system"] == {"x": 3}
    assert "apps" not in told
    assert told["strange"] == {"n": 1}


async def test_an_epochs_first_report_is_complete(api: Any) -> None:
    device = await api.registered()
    await send(api, device, report(system={"x": 1}))
    await send(api, device, report(epoch=2, localIp="10.0.0.1"))
    told = await current(api, device)
    assert "system" not in told
    assert told["localIp"] == "10.0.0.1"


async def test_repeats_and_late_ones_are_acknowledged_and_change_nothing(api: Any) -> None:
    device = await api.registered()
    await send(api, device, report(sequence=5, status="applied"))
    for late in (report(sequence=5, status="failed"), report(sequence=4, status="failed"),
                 report(epoch=0, sequence=9, status="failed")):  # fmt: skip
        assert await send(api, device, late) == 204
    assert (await current(api, device))["status"] == "applied"
    assert await api.rows("SELECT sequence, repeats FROM device_marks") == [(5, 3)]


async def test_the_stream_seen_first_latest_is_current(api: Any) -> None:
    device = await api.registered()
    await send(api, device, report(stream="old", status="applied"))
    await send(api, device, report(stream="new", status="held"))
    assert await send(api, device, report(stream="old", sequence=2, status="failed")) == 204
    assert (await current(api, device))["status"] == "held"


async def test_marks_start_anew_with_a_registration(api: Any) -> None:
    key = await api.provisioning_key()
    device = MemoryDevice()
    await api.register(device, key)
    await send(api, device, report(sequence=9, status="applied"))
    await api.register(device, key)
    await send(api, device, report(sequence=1, status="held"))
    assert (await current(api, device))["status"] == "held"


async def test_offline_after_three_missed_intervals(api: Any) -> None:
    device = await api.registered()
    await send(api, device, report(pollIntervalMs=10_000))
    path = f"/api/v1/devices/{device.uuid}"
    api.clock.advance(timedelta(seconds=29))
    assert (await api.call("GET", path)).json["online"] is True
    api.clock.advance(timedelta(seconds=1))
    assert (await api.call("GET", path)).json["online"] is False
    await api.poll(device)
    await api.worker.last_seen.flush()
    assert (await api.call("GET", path)).json["online"] is True


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "malformed"),
        (b'{"a": 1, "a": 2}', {}, 400, "malformed"),
        (b'{"a": NaN}', {}, 400, "malformed"),
        (b"[" * 33 + b"]" * 33, {}, 400, "malformed"),
        (b'{"a": "\\u0000"}', {}, 422, "invalid"),
        (b"[]", {}, 422, "invalid"),
        (b"{}", {}, 422, "invalid"),
        (json.dumps(report(sequence=0)).encode(), {}, 422, "invalid"),
        (json.dumps(report(epoch=2**53)).encode(), {}, 422, "invalid"),
        (b"{}", {"Content-Encoding": "br"}, 415, "encoding"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "encoding"),
        (b"{}", {"X-Iotistic-Schema": "zero"}, 422, "invalid"),
    ],
)
async def test_bad_bodies(
    api: Any, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    device = await api.registered()
    told = device.headers | {"Content-Type": "application/json"} | headers
    answer = await api.ask("PATCH", PATH, headers=told, body=content)
    assert (answer.status_code, answer.json["code"]) == (status, code)


async def test_gzip_is_taken(api: Any) -> None:
    device = await api.registered()
    headers = device.headers | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(json.dumps(report()).encode())
    assert (await api.ask("PATCH", PATH, headers=headers, body=body)).status_code == 204


async def test_unknown_words_of_a_newer_device_are_kept(api: Any) -> None:
    device = await api.registered()
    assert await send(api, device, report(status="levitating", schema=7)) == 204
    assert (await current(api, device))["status"] == "levitating"


async def test_a_lane_keeps_the_marks_of_its_newest_streams(api: Any) -> None:
    device = await api.registered()
    count = STREAMS_KEPT + 4
    for number in range(count):
        assert await send(api, device, report(stream=f"s{number}", sequence=5)) == 204
    kept = await api.rows("SELECT stream FROM device_marks ORDER BY seen")
    assert kept == [(f"s{number}",) for number in range(4, count)]
    assert await send(api, device, report(stream="s4", sequence=6, status="failed")) == 204
    told = await current(api, device)
    assert (told["stream"], told["status"]) == (f"s{count - 1}", "applied")
