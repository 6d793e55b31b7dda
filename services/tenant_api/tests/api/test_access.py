"""Every route by every principal, walked: nobody, devices, services, other tenants."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iotistic_tenant_api.domain.people import SCOPES as SCOPES_OF
from iotistic_tenant_api.domain.people import Role
from iotistic_tenant_api.openapi import described
from iotistic_tenant_api.testing import MemoryDevice

if TYPE_CHECKING:
    from iotistic_kit.app import Route

pytestmark = pytest.mark.real

ROUTES = list(described().routes())
GUARDED = [route for route in ROUTES if not route.operation.access.public]
PUBLIC = {
    ("POST", "/api/provisioning/v2/key-exchange"),
    ("POST", "/api/provisioning/v2/register"),
    ("POST", "/api/v1/device/{uuid}/release"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/invitations/look"),
    ("POST", "/api/v1/invitations/accept"),
    ("GET", "/ca.pem"),
    ("GET", "/crl.pem"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/install/{file}"),
    ("GET", "/openapi.json"),
}
SCOPES = ("read", "devices", "target-states", "overrides", "provisioning-keys", "audit",
          "invite", "users", "license", "upgrades", "other")  # fmt: skip
BODIES = {"POST": {}, "PUT": {}, "PATCH": {}}


NAMES = {"{key_id}": "nokey", "{app_id}": "web", "{service_id}": "a", "{order_id}": "none"}


def path_of(route: Route, uuid: str) -> str:
    path = route.path.replace("{uuid}", uuid)
    for name, value in NAMES.items():
        path = path.replace(name, value)
    for name in ("user_id", "invitation_id", "session_id"):
        path = path.replace(f"{{{name}}}", uuid)
    return path


async def ask(api: Any, route: Route, uuid: str, headers: dict[str, str]) -> int:
    if route.path == "/api/v1/stream":
        async with api.conductor.simulate_get_stream(route.path, headers=headers) as stream:
            return int(stream.status_code)
    answer = await api.ask(
        route.method, path_of(route, uuid), BODIES.get(route.method), headers=headers
    )
    return int(answer.status_code)


def test_only_these_routes_are_public() -> None:
    found = {(r.method, r.path) for r in ROUTES if r.operation.access.public}
    assert found == PUBLIC


async def test_nobody_gets_401_everywhere(api: Any) -> None:
    uuid = MemoryDevice().uuid
    answers = {(r.method, r.path): await ask(api, r, uuid, {}) for r in GUARDED}
    assert set(answers.values()) == {401}, answers


async def test_bad_credentials_get_401_everywhere(api: Any) -> None:
    uuid, device, person = MemoryDevice().uuid, await api.registered(), await api.person()
    old = api.files.billing.service_token(
        api.worker.settings.customer_id, SCOPES, api.clock.now() - timedelta(minutes=12)
    )
    bad = [
        {"Authorization": f"Bearer {api.token(SCOPES, 'cust_' + 'b2' * 16)}"},
        {"Authorization": f"Bearer {old}"},
        {"Authorization": f"Bearer {api.worker.settings.iotistic_license_key.get_secret_value()}"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": f"Bearer {person.access[:-1]}{'A' if person.access[-1] != 'A' else 'E'}"},
        {"Authorization": f"Bearer {person.refresh}"},
        {"Authorization": f"Bearer at1.{person.id}.{person.access.split('.')[2]}"},
        {"Authorization": "Bearer at1.x.y"},
        {"X-Device-API-Key": device.api_key[:-1] + ("A" if device.api_key[-1] != "A" else "E")},
        {"X-Device-API-Key": device.api_key, "Authorization": f"Bearer {api.token(SCOPES)}"},
    ]
    for headers in bad:
        answers = {(r.method, r.path): await ask(api, r, uuid, headers) for r in GUARDED}
        assert set(answers.values()) == {401}, (headers, answers)


async def test_a_key_in_the_url_is_never_looked_at(api: Any) -> None:
    device = await api.registered()
    answer = await api.ask(
        "GET", f"/api/v1/device/{device.uuid}/state", params={"key": device.api_key}
    )
    assert answer.status_code == 401


async def test_a_device_reaches_its_own_routes_only(api: Any) -> None:
    device, other = await api.registered(), await api.registered()
    for uuid in (other.uuid, MemoryDevice().uuid, "no-uuid", device.uuid.upper()):
        for route in GUARDED:
            if route.path == "/api/v1/device/state":
                continue
            assert await ask(api, route, uuid, device.headers) == 403, (route.path, uuid)
    for route in GUARDED:
        own = any(need.kind == "device" for need in route.operation.access.needs)
        status = await ask(api, route, device.uuid, device.headers)
        assert (status == 403) is not own, (route.method, route.path, status)


async def test_another_devices_report_is_refused(api: Any) -> None:
    device, other = await api.registered(), await api.registered()
    report = {"schema": 1, "stream": "s", "epoch": 1, "sequence": 1, "uuid": other.uuid,
              "at": "2026-11-24T10:00:00.000Z"}  # fmt: skip
    answer = await api.ask("PATCH", "/api/v1/device/state", report, headers=device.headers)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_service_reaches_what_its_scope_says(api: Any, scope: str) -> None:
    uuid = MemoryDevice().uuid
    headers = {"Authorization": f"Bearer {api.token([scope])}"}
    for route in GUARDED:
        wanted = {need.scope for need in route.operation.access.needs if need.kind == "service"}
        status = await ask(api, route, uuid, headers)
        if scope in wanted:
            assert status not in {401, 403}, (route.method, route.path, status)
        else:
            assert status == 403, (route.method, route.path, status)


@pytest.mark.parametrize("role", list(Role))
async def test_a_person_reaches_what_the_role_says(api: Any, role: Role) -> None:
    uuid, person = MemoryDevice().uuid, await api.person(role)
    for route in GUARDED:
        own = [need for need in route.operation.access.needs if need.kind == "person"]
        reached = any(need.scope is None or need.scope in SCOPES_OF[role] for need in own)
        status = await ask(api, route, uuid, person.headers)
        if reached:
            assert status not in {401, 403}, (route.method, route.path, status)
        else:
            assert status == 403, (route.method, route.path, status)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("DELETE", "/ca.pem", {}, 405, "method_not_allowed"),
        ("DELETE", "/api/v1/devices", {}, 405, "method_not_allowed"),
        ("DELETE", "/api/v1/device/{uuid}/state", {}, 401, "unauthorized"),
        ("GET", "/api/v1/device/{uuid}/nothing", {}, 401, "unauthorized"),
        ("GET", "/api/v1/device/{uuid}/nothing", "device", 404, "not_found"),
        ("GET", "/api/v1/devices/{uuid}/nothing", {}, 401, "unauthorized"),
        ("GET", "/api/v1/devices/{uuid}/nothing", "device", 403, "forbidden"),
        ("DELETE", "/api/v1/device/{uuid}/state", "device", 405, "method_not_allowed"),
    ],
)
async def test_unknown_routes_and_methods(
    api: Any, method: str, path: str, headers: Any, status: int, code: str
) -> None:
    device = await api.registered()
    told = device.headers if headers == "device" else {}
    answer = await api.ask(method, path.replace("{uuid}", device.uuid), headers=told)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
