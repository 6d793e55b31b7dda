"""What an ended license keeps people from, and what it never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotistic_tenant_api.openapi import described

pytestmark = pytest.mark.real

USER = "/api/v1/users/{user_id}"
GATED = {("PATCH", USER), ("POST", "/api/v1/invitations"), ("POST", "/api/v1/invitations/accept")}
OPEN = {
    ("POST", "/api/v1/auth/login"): 200,
    ("POST", "/api/v1/auth/refresh"): 200,
    ("PATCH", "/api/v1/auth/me"): 200,
    ("POST", "/api/v1/auth/password"): 204,
    ("POST", "/api/v1/auth/totp"): 200,
    ("POST", "/api/v1/auth/totp/confirm"): 403,
    ("POST", "/api/v1/auth/totp/remove"): 409,
    ("POST", "/api/v1/invitations/look"): 200,
    ("DELETE", "/api/v1/auth/sessions/{session_id}"): 404,
    ("POST", f"{USER}/sign-out"): 204,
    ("DELETE", "/api/v1/invitations/{invitation_id}"): 204,
    ("DELETE", USER): 204,
    ("POST", "/api/v1/auth/logout"): 204,
}
PREFIXES = ("/api/v1/auth/", "/api/v1/users", "/api/v1/invitations")


def test_every_write_about_people_is_in_one_of_the_tables() -> None:
    writes = {
        (route.method, route.path)
        for route in described().routes()
        if route.path.startswith(PREFIXES) and route.method != "GET"
    }
    assert writes == GATED | set(OPEN)


async def test_under_a_restricted_license(api: Any) -> None:
    owner, other = await api.person("owner"), await api.person("viewer")
    new = {"email": "new@example.com", "role": "viewer"}
    ways = {"token": (await api.by(owner, "POST", "/api/v1/invitations", new)).json}
    api.clock.advance(timedelta(days=25))
    owner.keep((await _refresh(api, owner)).json)
    api.clock.advance(timedelta(days=20))
    made = "UPDATE invitations SET expires_at = %s RETURNING 1"
    await api.rows(made, api.clock.now() + timedelta(days=1))
    owner.keep((await _refresh(api, owner)).json)
    assert (await api.by(owner, "GET", "/api/license")).json["state"] == "restricted"

    gated = {
        ("PATCH", USER): {"role": "admin"},
        ("POST", "/api/v1/invitations"): {"email": "x@example.com", "role": "viewer"},
        ("POST", "/api/v1/invitations/accept"): {
            "token": ways["token"]["token"], "name": "N", "password": "four words make sense",
        },
    }  # fmt: skip
    for (method, path), body in gated.items():
        answer = await api.by(owner, method, path.replace("{user_id}", other.id), body)
        assert (answer.status_code, answer.json["code"]) == (402, "payment_required"), path
        assert answer.json["licenseState"] == "restricted"
    closing = await api.by(owner, "PATCH", f"/api/v1/users/{other.id}", {"disabled": True})
    assert closing.status_code == 200, "an account can always be closed"
    opening = await api.by(owner, "PATCH", f"/api/v1/users/{other.id}", {"disabled": False})
    assert opening.status_code == 402

    for path in ("/api/v1/auth/me", "/api/v1/users", "/api/v1/invitations", "/api/v1/audit-log",
                 "/api/v1/devices", "/api/v1/auth/sessions"):  # fmt: skip
        assert (await api.by(owner, "GET", path)).status_code == 200, path
    await _open_ones(api, owner, other, ways["token"])


async def _open_ones(api: Any, owner: Any, other: Any, invitation: Any) -> None:
    password = owner.password
    bodies = {
        "/api/v1/auth/login": {"email": owner.email, "password": password},
        "/api/v1/auth/refresh": {"refreshToken": owner.refresh},
        "/api/v1/auth/me": {"name": "O"},
        "/api/v1/auth/password": {"current": password, "new": password},
        "/api/v1/auth/totp": {"password": password},
        "/api/v1/auth/totp/confirm": {"code": "000000"},
        "/api/v1/auth/totp/remove": {"password": password, "code": "000000"},
        "/api/v1/invitations/look": {"token": invitation["token"]},
    }
    names = {"user_id": other.id, "session_id": other.id, "invitation_id": invitation["id"]}
    for (method, path), status in OPEN.items():
        body = bodies.get(path)
        if path == "/api/v1/auth/logout":
            body = {"refreshToken": owner.refresh}
        answer = await api.by(owner, method, path.format(**names), body)
        assert answer.status_code == status, (method, path, answer.text)
        if path == "/api/v1/auth/refresh":
            owner.keep(answer.json)


async def _refresh(api: Any, person: Any) -> Any:
    body = {"refreshToken": person.refresh}
    return await api.ask("POST", "/api/v1/auth/refresh", body)


class TestWithout:
    """No license at all."""

    @pytest.fixture
    def plan(self) -> str:
        return ""

    async def test_the_first_owner_comes_in_to_see_it(self, api: Any) -> None:
        body = {"email": "ada@example.com", "role": "owner"}
        made = await api.call("POST", "/api/v1/invitations", body, scope=["invite"])
        body = {"token": made.json["token"], "name": "A", "password": "four words make sense"}
        answer = await api.ask("POST", "/api/v1/invitations/accept", body)
        assert answer.status_code == 200
        headers = {"Authorization": f"Bearer {answer.json['accessToken']}"}
        seen = await api.ask("GET", "/api/license", headers=headers)
        assert seen.json["state"] == "missing"

    async def test_a_persons_write_answers_402_as_a_services_does(self, api: Any) -> None:
        person = await api.person("owner")
        answer = await api.by(person, "POST", "/api/provisioning-keys", {})
        assert (answer.status_code, answer.json["code"]) == (402, "payment_required")
