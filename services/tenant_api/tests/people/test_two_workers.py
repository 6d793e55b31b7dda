"""What one worker ends is dead on the other within a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor

from iotistic_tenant_api.runtime import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.real
ME = "/api/v1/auth/me"


@pytest.fixture
async def other(api: Any, conninfo: str) -> AsyncIterator[Any]:
    """A second worker on the same database."""
    settings = api.files.settings(
        conninfo, iotistic_license_key=api.worker.settings.iotistic_license_key
    )
    worker = Worker(settings, api.clock)
    async with ASGIConductor(worker.app()) as conductor:
        second = type(api)(conductor, worker, api.clock, api.files)
        await second.heard()
        yield second


async def held(other: Any, person: Any) -> None:
    """Have the other worker hold the session in memory."""
    for _ in range(2):
        assert (await other.by(person, "GET", ME)).status_code == 200
    assert other.worker.news.sessions.peek(person.session) is not None


async def within_a_second(other: Any, person: Any, path: str, status: int) -> None:
    until = time.monotonic() + 1
    while (await other.by(person, "GET", path)).status_code != status:
        assert time.monotonic() < until, "still not heard of"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["logout", "delete", "disable", "remove", "sign-out", "reuse"])
async def test_a_session_that_ends_on_one_is_dead_on_the_other(
    api: Any, other: Any, how: str
) -> None:
    owner, person = await api.person("owner"), await api.person("viewer")
    spent = person.refresh
    if how == "reuse":
        for _ in range(2):
            body = {"refreshToken": person.refresh}
            person.keep((await api.ask("POST", "/api/v1/auth/refresh", body)).json)
    await other.heard()
    await held(other, person)
    user = f"/api/v1/users/{person.id}"
    match how:
        case "logout":
            await api.ask("POST", "/api/v1/auth/logout", {"refreshToken": person.refresh})
        case "delete":
            await api.by(person, "DELETE", f"/api/v1/auth/sessions/{person.session}")
        case "disable":
            await api.by(owner, "PATCH", user, {"disabled": True})
        case "remove":
            await api.by(owner, "DELETE", user)
        case "sign-out":
            await api.by(owner, "POST", f"{user}/sign-out")
        case "reuse":
            await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": spent})
    await within_a_second(other, person, ME, 401)


async def test_a_role_that_is_taken_is_gone_on_the_other(api: Any, other: Any) -> None:
    owner, person = await api.person("owner"), await api.person("admin")
    await held(other, person)
    assert (await other.by(person, "GET", "/api/v1/users")).status_code == 200
    await api.by(owner, "PATCH", f"/api/v1/users/{person.id}", {"role": "viewer"})
    await within_a_second(other, person, "/api/v1/users", 403)
    assert (await other.by(person, "GET", "/api/v1/devices")).status_code == 200


async def test_new_tokens_are_good_on_the_other_at_once(api: Any, other: Any) -> None:
    person = await api.person()
    await held(other, person)
    old = type(person)(person.id, person.email, person.access, person.refresh)
    body = {"refreshToken": person.refresh}
    person.keep((await api.ask("POST", "/api/v1/auth/refresh", body)).json)
    assert (await other.by(person, "GET", ME)).status_code == 200
    await within_a_second(other, old, ME, 401)


async def test_both_count_the_same_tries(api: Any, other: Any) -> None:
    person = await api.person()
    answers = []
    for _ in range(6):
        for worker in (api, other):
            answer = await worker.sign_in(person, password="not this password")
            answers.append(answer.status_code)
    assert answers == [401] * 10 + [429] * 2


async def test_a_refresh_token_is_used_once_between_them(api: Any, other: Any) -> None:
    person = await api.person()
    body = {"refreshToken": person.refresh}
    answers = await asyncio.gather(
        *(worker.ask("POST", "/api/v1/auth/refresh", body) for worker in (api, other) * 3)
    )
    assert len({answer.json["refreshToken"] for answer in answers}) == 1
    assert await api.rows("SELECT count(*) FROM refresh_tokens") == [(2,)]


async def test_nothing_is_held_while_nobody_listens(api: Any, other: Any) -> None:
    person = await api.person()
    await held(other, person)
    await other.worker.news.lost()
    await api.rows("UPDATE sessions SET ended_at = now() RETURNING 1")
    assert (await other.by(person, "GET", ME)).status_code == 401, "asked afresh"


async def test_a_held_session_costs_no_query(api: Any) -> None:
    person = await api.person()
    await api.heard()
    assert (await api.by(person, "GET", ME)).status_code == 200
    await api.worker.database.close()
    answer = await api.by(person, "GET", "/api/v1/users/nobody")
    assert answer.status_code == 422, "known from memory, and then the path is wrong"
