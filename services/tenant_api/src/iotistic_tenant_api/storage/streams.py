"""Streams that are open, counted over all workers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["FORGOTTEN", "PostgresStreams"]

FORGOTTEN = timedelta(seconds=45)
"""A stream of which nothing was heard for so long died with its worker."""


class PostgresStreams:
    """Rows by stream, renewed while it lives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, stream: str, owner: str, most: int, at: datetime) -> bool:
        """Count one stream more; False when `owner` has `most`. In a transaction."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (owner,)
        )
        await self._connection.execute(
            "DELETE FROM open_streams WHERE alive_at < %s", (at - FORGOTTEN,)
        )
        cursor = await self._connection.execute(
            """INSERT INTO open_streams (id, owner, alive_at)
               SELECT %s, %s, %s
               WHERE (SELECT count(*) FROM open_streams WHERE owner = %s) < %s""",
            (stream, owner, at, owner, most),
        )
        return cursor.rowcount == 1

    async def renew(self, stream: str, at: datetime) -> None:
        """Note that a stream lives."""
        await self._connection.execute(
            "UPDATE open_streams SET alive_at = %s WHERE id = %s", (at, stream)
        )

    async def close(self, stream: str) -> None:
        """Give the stream's place back."""
        await self._connection.execute("DELETE FROM open_streams WHERE id = %s", (stream,))
