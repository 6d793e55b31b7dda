"""Tries at passwords and invitations, by whom and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.tries import LONGEST_WINDOW, check_tries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iotistic_tenant_api.domain.tries import Limit
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresLoginAttempts"]


class PostgresLoginAttempts:
    """One row a try."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, limit: Limit, subject: str, now: datetime) -> int:
        """Count one more try, and return its id; Refused 429, and nothing counted, at one too many.

        Others who count the same subject wait until this transaction's end.
        """
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{limit.action} {subject}",)
        )
        cursor = await self._connection.execute(
            """SELECT at FROM login_attempts WHERE action = %s AND subject = %s AND at > %s
               ORDER BY at DESC LIMIT %s""",
            (limit.action, subject, now - limit.window, limit.allowed),
        )
        check_tries(limit, [at for (at,) in await cursor.fetchall()], now)
        cursor = await self._connection.execute(
            "INSERT INTO login_attempts (action, subject, at) VALUES (%s, %s, %s) RETURNING id",
            (limit.action, subject, now),
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def give_back(self, counted: Sequence[int]) -> None:
        """Count these tries no longer: they were good ones."""
        await self._connection.execute(
            "DELETE FROM login_attempts WHERE id = ANY(%s)", (list(counted),)
        )

    async def clear(self, limit: Limit, subject: str) -> None:
        """Begin to count anew: the right credentials were shown."""
        await self._connection.execute(
            "DELETE FROM login_attempts WHERE action = %s AND subject = %s",
            (limit.action, subject),
        )

    async def forget(self, now: datetime) -> int:
        """Remove what no decision looks at any more; the number of rows removed."""
        cursor = await self._connection.execute(
            "DELETE FROM login_attempts WHERE at < %s", (now - LONGEST_WINDOW,)
        )
        return cursor.rowcount
