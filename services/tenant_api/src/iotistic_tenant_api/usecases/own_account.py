"""What people do with their own account; the license never keeps them from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.storage.users import PostgresUsers

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["OwnAccount"]


class OwnAccount:
    """One's own name and password."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, user_id: str) -> User:
        """Return the user; 401 when the account is gone by now."""
        async with self._database.connection() as connection:
            return await own(connection, user_id)


async def own(connection: Connection, user_id: str, *, lock: bool = False) -> User:
    """Return the caller's account; 401 when it is gone by now."""
    user = await PostgresUsers(connection).get(user_id, lock=lock)
    if user is None or user.disabled:
        raise Refused(401, "unauthorized", "this account is closed")
    return user
