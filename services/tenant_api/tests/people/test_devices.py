"""What persons do with devices: by their names, by their roles, and while their sessions live."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from iotistic_tenant_api.resources import streams
from iotistic_tenant_api.testing import said, spec

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


def stream(api: Any, person: Any) -> Any:
    return api.conductor.simulate_get_stream("/api/v1/stream", headers=person.headers)


async def test_what_a_person_does_carries_the_persons_name(api: Any) -> None:
    ada = await api.person("manager", "ada@example.com")
    device = await api.registered()
    path = f"/api/v1/devices/{device.uuid}"
    written = await api.by(ada, "PUT", f"{path}/target-state", spec("a"),
                           headers={"If-Match": '"0"'})  # fmt: skip
    assert written.status_code == 200
    held = await api.by(ada, "POST", f"{path}/apps/web/services/a/stop", {"reason": "noise"})
    assert held.json["overrides"]["a"]["owner"] == "ada@example.com"
    forged = {"a": {"state": "paused", "owner": "bob@example.com", "reason": "noise"}}
    patched = await api.by(ada, "PATCH", f"{path}/overrides", forged)
    assert patched.json["overrides"]["a"]["owner"] == "ada@example.com"
    draft = await api.by(ada, "PUT", f"{path}/target-state/draft", spec("a", "b"),
                         headers={"If-Match": '"1"'})  # fmt: skip
    assert draft.json["changedBy"] == "ada@example.com"
    await api.by(ada, "DELETE", f"{path}/keys")
    history = (await api.by(ada, "GET", f"{path}/target-state/history")).json["items"]
    assert {one["changedBy"] for one in history} == {"ada@example.com"}
    items = (await api.by(ada, "GET", f"{path}/events")).json["items"]
    assert {one["actor"] for one in items if one["type"] != "registered"} == {"ada@example.com"}
    me = (await api.by(ada, "GET", "/api/v1/auth/me")).json["id"]
    audit = await api.rows("SELECT actor FROM audit_log WHERE action = 'device_keys_revoked'")
    assert audit == [(me,)]


@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", 0), ("operator", 1), ("manager", 3), ("owner", 3)]
)
async def test_roles_reach_what_they_may(api: Any, role: str, allowed: int) -> None:
    who = await api.person(role)
    device = await api.registered()
    await api.write(device, spec("a"))
    path = f"/api/v1/devices/{device.uuid}"
    assert (await api.by(who, "GET", "/api/v1/overview")).status_code == 200
    assert (await api.by(who, "GET", f"{path}/metrics")).status_code == 200
    calls = [
        ("POST", f"{path}/apps/web/services/a/stop", None),
        ("POST", f"{path}/rollback", {"version": 1, "baseRevision": 1}),
        ("DELETE", f"{path}/keys", None),
    ]
    statuses = [(await api.by(who, *call)).status_code for call in calls]
    assert [status != 403 for status in statuses] == [number < allowed for number in range(3)]


async def test_a_stream_ends_with_the_session(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 30.0)
    ada = await api.person("viewer")
    await api.heard()
    async with stream(api, ada) as opened:
        assert (await opened.stream.read()).startswith(b"event: hello")
        sessions = (await api.by(ada, "GET", "/api/v1/auth/sessions")).json
        assert len(sessions["items"]) == 1
        await api.by(ada, "DELETE", f"/api/v1/auth/sessions/{sessions['items'][0]['id']}")
        async with asyncio.timeout(5):
            while await opened.stream.read() != b"":
                pass


async def test_a_person_has_at_most_five_streams(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.2)
    ada, bob = await api.person("viewer"), await api.person("viewer")
    async with AsyncExitStack() as stack:
        for _ in range(5):
            opened = await stack.enter_async_context(stream(api, ada))
            assert opened.status_code == 200
        refused = await api.by(ada, "GET", "/api/v1/stream")
        assert said(refused) == (429, "too_many_streams")
        other = await stack.enter_async_context(stream(api, bob))
        assert other.status_code == 200
