"""The line from a provisioning key to a report, on a real database."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.real

SPEC = {
    "apps": {
        "web": {
            "appId": "web",
            "appName": "Web",
            "services": [
                {"serviceId": "front", "serviceName": "front", "imageName": "busybox:1"},
            ],
        }
    },
    "config": {},
}


async def test_a_device_registers_polls_and_reports(api: Any) -> None:
    device = await api.registered()
    first = await api.poll(device)
    assert (first.status_code, first.json) == (200, {"schema": 1, "version": 0, "apps": None})
    assert (await api.poll(device, first.headers["etag"])).status_code == 304

    written = await api.write(device, SPEC)
    assert (written.status_code, written.json["version"]) == (200, 1)

    second = await api.poll(device, first.headers["etag"])
    assert second.status_code == 200
    assert second.json["version"] == 1
    assert second.headers["etag"] == written.json["etag"]
    assert second.headers["x-poll-interval-ms"] == "1000"
    assert (await api.poll(device, second.headers["etag"])).status_code == 304

    report = {
        "schema": 1, "stream": "s", "epoch": 1, "sequence": 1, "at": "2026-11-24T10:00:00.000Z",
        "status": "applied", "targetVersion": 1, "appliedVersion": 1, "pollIntervalMs": 2000,
    }  # fmt: skip
    answer = await api.ask("PATCH", "/api/v1/device/state", report, headers=device.headers)
    assert (answer.status_code, answer.text) == (204, "")
    state = await api.call("GET", f"/api/v1/devices/{device.uuid}/current-state")
    assert state.json["report"]["appliedVersion"] == 1
    assert state.json["online"] is True
