"""What of people is forgotten, and what isn't."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotistic_tenant_api.storage.housekeeping import forget

pytestmark = pytest.mark.real


async def test_what_is_over_is_forgotten(api: Any) -> None:
    stays, ended = await api.person(), await api.person()
    await api.ask("POST", "/api/v1/auth/logout", {"refreshToken": ended.refresh})
    await api.sign_in(stays, email="nobody@example.com")
    body = {"email": "n@example.com", "role": "viewer"}
    await api.by(stays, "POST", "/api/v1/invitations", body)

    async def left() -> list[int]:
        async with api.worker.database.transaction() as connection:
            await forget(connection, api.clock.now())
        tables = ("sessions", "refresh_tokens", "login_attempts", "invitations", "users")
        return [
            (await api.rows(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608 - constants
            for table in tables
        ]

    assert await left() == [2, 2, 3, 1, 2]
    api.clock.advance(timedelta(days=29))
    answer = await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": stays.refresh})
    stays.keep(answer.json)
    api.clock.advance(timedelta(days=2))
    assert await left() == [1, 1, 0, 1, 2]
    api.clock.advance(timedelta(days=98))
    assert await left() == [0, 0, 0, 0, 2]
