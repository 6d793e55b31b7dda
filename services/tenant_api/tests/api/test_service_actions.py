"""Start, stop, pause, restart and give-back of one service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotistic_contract.codec import format_time
from iotistic_tenant_api.testing import MemoryDevice, said, spec

pytestmark = pytest.mark.real

LABEL = "iotistic.restarted-at"


async def act(api: Any, device: MemoryDevice, word: str, body: Any = None, name: str = "a") -> Any:
    path = f"/api/v1/devices/{device.uuid}/apps/web/services/{name}/{word}"
    answer = await api.call("POST", path, body)
    await api.heard()
    return answer


async def delivered(api: Any, device: MemoryDevice) -> Any:
    return (await api.poll(device)).json["apps"]["web"]["services"][0]


@pytest.mark.parametrize(
    ("word", "state"), [("stop", "stopped"), ("pause", "paused"), ("start", "running")]
)
async def test_a_hold_is_owned_by_who_did_it(api: Any, word: str, state: str) -> None:
    device = await api.registered()
    await api.write(device, spec("a", "b"))
    view = (await act(api, device, word, {"reason": "noise"})).json
    assert view["overrides"] == {"a": {"state": state, "owner": "admin", "reason": "noise"}}
    assert (await delivered(api, device))["state"] == state
    view = (await act(api, device, "give-back")).json
    assert view["overrides"] == {}
    assert (await delivered(api, device))["state"] == "running"


async def test_a_restart_makes_the_container_anew_once(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", secrets={"TOKEN": "hunter2"}))
    first = await delivered(api, device)
    view = (await act(api, device, "restart", {"reason": "stuck"})).json
    assert view["version"] == 2
    now = await delivered(api, device)
    assert now["config"]["labels"] == {LABEL: format_time(api.clock.now())}
    assert now["config"]["secrets"]["TOKEN"]["hmac"] == first["config"]["secrets"]["TOKEN"]["hmac"]
    assert now["state"] == first["state"] == "running"
    after = (await act(api, device, "give-back")).json
    assert after["version"] == 2, "giving back what isn't held restarts nothing"
    await act(api, device, "stop", {"reason": "noise"})
    assert (await delivered(api, device))["config"]["labels"] == now["config"]["labels"]
    assert said(await act(api, device, "restart")) == (409, "conflict")
    api.clock.advance(timedelta(seconds=5))
    await act(api, device, "start")
    await act(api, device, "restart")
    held = (await act(api, device, "restart")).json["overrides"]["a"]
    assert held["restartedAt"] == format_time(api.clock.now())
    assert held["state"] == "running"


async def test_a_module_can_write_a_spec_over_a_restart_but_not_the_label(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    await act(api, device, "restart")
    view = (await api.write(device, spec("a", "b"), 1)).json
    assert "restartedAt" in view["overrides"]["a"]
    labelled = spec("a")
    labelled["apps"]["web"]["services"][0]["config"] = {"labels": {LABEL: "2026-01-01T00:00:00Z"}}
    refused = await api.write(device, labelled, 2)
    assert said(refused) == (422, "invalid")
    assert refused.json["errors"][0]["pointer"].endswith(f"/config/labels/{LABEL}")


async def test_what_is_refused(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    past = format_time(api.clock.now() - timedelta(seconds=1))
    assert said(await act(api, device, "stop", {"expiresAt": past})) == (422, "invalid")
    assert said(await act(api, device, "stop", {"reason": "a\nb"})) == (422, "invalid")
    assert said(await act(api, device, "restart", {"expiresAt": past})) == (422, "invalid")
    assert said(await act(api, device, "stop", name="z")) == (404, "not_found")
    assert said(await act(api, MemoryDevice(), "stop")) == (404, "not_found")
    other = f"/api/v1/devices/{device.uuid}/apps/other/services/a/stop"
    assert said(await api.call("POST", other)) == (404, "not_found")
    forbidden = f"/api/v1/devices/{device.uuid}/apps/web/services/a/stop"
    answer = await api.call("POST", forbidden, scope=["read", "target-states"])
    assert answer.status_code == 403


async def test_each_act_is_an_event(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    until = format_time(api.clock.now() + timedelta(minutes=1))
    await act(api, device, "stop", {"reason": "noise", "expiresAt": until})
    await act(api, device, "give-back")
    await act(api, device, "restart", {"reason": "stuck"})
    path = f"/api/v1/devices/{device.uuid}/events"
    items = (await api.call("GET", path)).json["items"]
    assert [(item["type"], item["actor"]) for item in items] == [
        ("service_restarted", "admin"),
        ("override_dropped", "admin"),
        ("override_set", "admin"),
        ("spec_written", "admin"),
        ("registered", items[-1]["actor"]),
    ]
    assert items[2]["data"] == {
        "serviceId": "a", "state": "stopped", "owner": "admin", "reason": "noise",
        "expiresAt": until,
    }  # fmt: skip
    assert items[0]["data"] == {"serviceId": "a", "reason": "stuck"}
