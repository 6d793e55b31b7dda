"""Whatever comes in: no 5xx, no traceback, no undocumented status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iotistic_kit.openapi import describe
from iotistic_tenant_api.openapi import described
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = pytest.mark.real

APP = described()
DOCUMENTED = describe(APP, "x", "1")["paths"]
PLACES = ["{}", "no-uuid", "%00", "..%2f..", "%F0%9F%98%80", "A" * 300, "'; DROP TABLE devices--"]
BODIES: list[bytes] = [
    b"", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff", b"[" * 40 + b"]" * 40,
    b'{"uuid": 1, "name": {}}', b'{"targets": [{"uuid": "x"}]}', b'{"targets": [null]}',
    b'{"uuids": ["x", null]}', b'{"apps": {"a": null}, "config": []}', b'{"front": 7}',
    b'{"name": "\\u0000"}', b'{"name": "\\ud800"}', b'{"maxDevices": 1e400}',
    b'{"maxDevices": 99999999999999999999}', b'{"expiresAt": "9999-99-99T00:00:00Z"}',
    b'{"reregisterUntil": "2026-11-24T10:00:00"}', b'{"token": "a.b.c"}',
    b'{"deviceUuid": null, "provisioningApiKey": 5}', b'{"signature": "A", "newKeyHash": "=="}',
    json.dumps({"keyId": "A", "challenge": "A", "signature": "A", "encryptedPayload": 3}).encode(),
    json.dumps({"certificateRequest": "-----BEGIN ", "signature": "AA"}).encode(),
    json.dumps({"schema": "one", "stream": [], "epoch": -1, "sequence": 1.5, "at": 0}).encode(),
]  # fmt: skip


def _documented(template: str, method: str) -> set[int]:
    return {int(status) for status in DOCUMENTED[template][method.lower()]["responses"]}


@pytest.mark.timeout(60)
async def test_hostile_input_gets_a_documented_refusal(api: Any) -> None:
    device = await api.registered()
    people = {"Authorization": f"Bearer {api.token()}", "Content-Type": "application/json"}
    own = device.headers | {"Content-Type": "application/json"}
    for route in APP.routes():
        kinds = {need.kind for need in route.operation.access.needs}
        headers = own if kinds == {"device"} else people
        headers = headers | {"If-Match": '"0"'}
        bodies = [b""] if route.method in {"GET", "DELETE"} else BODIES
        if route.method == "DELETE":
            continue
        path = route.path.replace("{uuid}", device.uuid).replace("{key_id}", "k")
        for body in bodies:
            answer = await api.ask(route.method, path, headers=headers, body=body)
            known = _documented(route.path, route.method) - {500}
            assert answer.status_code in known, (route.method, path, body, answer.text)


async def test_hostile_paths_get_a_refusal(api: Any) -> None:
    headers = {"Authorization": f"Bearer {api.token()}", "If-Match": '"0"'}
    for route in APP.routes():
        if "{" not in route.path:
            continue
        for place in PLACES:
            filled = place.replace("{}", MemoryDevice().uuid)
            path = route.path.replace("{uuid}", filled).replace("{key_id}", filled)
            answer = await api.ask(route.method, path, {}, headers=headers)
            assert 400 <= answer.status_code < 500, (route.method, path, answer.text)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/devices?limit=0", 422),
        ("/api/v1/devices?limit=x", 422),
        ("/api/v1/devices?after=x", 422),
        ("/api/v1/devices?strange=1", 422),
        ("/api/provisioning-keys?after=%00", 422),
        ("/api/v1/devices?limit=1&after=00000000-0000-4000-8000-000000000000", 200),
    ],
)
async def test_queries(api: Any, path: str, status: int) -> None:
    name, _, query = path.partition("?")
    answer = await api.call("GET", name, query_string=query)
    assert answer.status_code == status, answer.text


async def test_pages_follow_each_other(api: Any) -> None:
    made = sorted([(await api.registered()).uuid for _ in range(5)])
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = (await api.call("GET", "/api/v1/devices", params={"limit": 2, "after": after})).json
        seen += [device["uuid"] for device in page["items"]]
        after = page["next"]
    assert (seen, after) == (made, None)
