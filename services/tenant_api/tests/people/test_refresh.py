"""Refresh tokens: rotated, repeatable for a moment, and a reuse that ends the session."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.real


async def refresh(api: Any, token: str) -> Any:
    return await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": token})


async def is_in(api: Any, access: str) -> bool:
    await api.heard()
    headers = {"Authorization": f"Bearer {access}"}
    answer = await api.ask("GET", "/api/v1/auth/me", headers=headers)
    assert answer.status_code in {200, 401}
    return bool(answer.status_code == 200)


async def test_a_lost_answer_is_given_again(api: Any) -> None:
    person = await api.person()
    first = (await refresh(api, person.refresh)).json
    api.clock.advance(timedelta(seconds=60))
    again = (await refresh(api, person.refresh)).json
    assert again == first | {"expiresIn": 840}
    assert await is_in(api, first["accessToken"])
    assert (await refresh(api, first["refreshToken"])).status_code == 200


async def test_requests_at_once_get_one_answer(api: Any) -> None:
    person = await api.person()
    answers = await asyncio.gather(*(refresh(api, person.refresh) for _ in range(5)))
    assert len({answer.json["refreshToken"] for answer in answers}) == 1
    assert len({answer.json["accessToken"] for answer in answers}) == 1


@pytest.mark.parametrize("case", ["too late", "newer was used"])
async def test_a_reuse_ends_the_whole_session(api: Any, case: str) -> None:
    person, other = await api.person(), await api.person("admin")
    first = (await refresh(api, person.refresh)).json
    newest = first
    if case == "too late":
        api.clock.advance(timedelta(seconds=61))
    else:
        newest = (await refresh(api, first["refreshToken"])).json
    assert await is_in(api, newest["accessToken"])
    stolen = await refresh(api, person.refresh)
    assert (stolen.status_code, stolen.json["code"]) == (401, "unauthorized")
    assert not await is_in(api, newest["accessToken"])
    assert (await refresh(api, newest["refreshToken"])).status_code == 401
    assert await is_in(api, other.access)
    rows = await api.rows("SELECT action, subject, detail FROM audit_log ORDER BY id DESC LIMIT 1")
    assert rows == [
        ("refresh_token_reused", person.id, {"session": person.session, "address": "127.0.0.1"})
    ]


async def test_a_refresh_token_ends_after_thirty_days(api: Any) -> None:
    person = await api.person()
    api.clock.advance(timedelta(days=29))
    person.keep((await refresh(api, person.refresh)).json)
    api.clock.advance(timedelta(days=30))
    assert (await refresh(api, person.refresh)).status_code == 401
    assert await api.rows("SELECT 1 FROM audit_log WHERE action = 'refresh_token_reused'") == []


async def test_other_texts_are_refused_and_end_nothing(api: Any) -> None:
    person, other = await api.person(), await api.person()
    secret = person.refresh.split(".")[2]
    for text in (
        person.access,
        f"rt1.{other.session}.{secret}",
        f"rt1.{person.id}.{secret}",
        person.refresh[:-1],
        "rt1.x.y",
        "",
    ):
        assert (await refresh(api, text)).status_code == 401, text
        left = await api.ask("POST", "/api/v1/auth/logout", {"refreshToken": text})
        assert left.status_code == 204
    assert await is_in(api, person.access)
    assert await is_in(api, other.access)


async def test_no_token_is_stored(api: Any) -> None:
    person = await api.person()
    renewed = (await refresh(api, person.refresh)).json
    stored = str(await api.rows("SELECT s::text FROM sessions s"))
    stored += str(await api.rows("SELECT r::text FROM refresh_tokens r"))
    for token in (person.refresh, renewed["accessToken"], renewed["refreshToken"]):
        secret = token.split(".")[2]
        assert secret not in stored
        assert hashlib.sha256(secret.encode()).hexdigest() in stored
