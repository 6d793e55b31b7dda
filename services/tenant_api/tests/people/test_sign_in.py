"""Come in: by invitation, by password; stay in by refresh; go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.real

PASSWORD = "four words make sense"


async def invited(api: Any, email: str = "ada@example.com", role: str = "owner") -> str:
    answer = await api.call(
        "POST", "/api/v1/invitations", {"email": email, "role": role}, scope=["invite"]
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json["token"])


async def accepted(api: Any, token: str) -> Any:
    body = {"token": token, "name": "Ada", "password": PASSWORD}
    return await api.ask("POST", "/api/v1/invitations/accept", body)


async def me(api: Any, access: str) -> Any:
    return await api.ask("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {access}"})


async def refresh(api: Any, token: str) -> Any:
    return await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": token})


async def test_the_first_owner_comes_in_and_out(api: Any) -> None:
    token = await invited(api)
    seen = await api.ask("POST", "/api/v1/invitations/look", {"token": token})
    assert (seen.json["email"], seen.json["role"]) == ("ada@example.com", "owner")
    first = await accepted(api, token)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    assert first.json["expiresIn"] == 900
    shown = (await me(api, first.json["accessToken"])).json
    now = shown["createdAt"]
    assert shown == {
        "id": shown["id"], "email": "ada@example.com", "name": "Ada", "role": "owner",
        "twoFactor": False, "disabled": False, "createdAt": now, "lastLoginAt": now,
        "recoveryCodesLeft": 0, "sessionId": first.json["accessToken"].split(".")[1],
        "scopes": ["audit", "devices", "license", "overrides", "provisioning-keys", "read",
                   "target-states", "users"],
    }  # fmt: skip
    again = await accepted(api, token)
    assert (again.status_code, again.json["code"]) == (404, "invitation_gone")

    body = {"email": " ADA@example.com", "password": PASSWORD}
    second = await api.ask("POST", "/api/v1/auth/login", body)
    assert second.status_code == 200, second.text
    left = await api.ask(
        "POST", "/api/v1/auth/logout", {"refreshToken": second.json["refreshToken"]}
    )
    assert left.status_code == 204
    await api.heard()
    assert (await me(api, second.json["accessToken"])).status_code == 401
    assert (await refresh(api, second.json["refreshToken"])).status_code == 401
    assert (await me(api, first.json["accessToken"])).status_code == 200


async def test_a_refresh_gives_new_tokens_and_ends_the_old_ones(api: Any) -> None:
    person = await api.person()
    renewed = (await refresh(api, person.refresh)).json
    await api.heard()
    assert (await me(api, person.access)).status_code == 401
    assert (await me(api, renewed["accessToken"])).status_code == 200
    api.clock.advance(timedelta(minutes=15))
    assert (await me(api, renewed["accessToken"])).status_code == 401
    assert (await refresh(api, renewed["refreshToken"])).status_code == 200
