"""Devices that are to be told to poll, until they surely were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["AGAIN", "PollRequest", "PostgresPollRequests"]

# Every worker has heard of a change after a second: a poll that came sooner may have met one
# that hadn't, so each device is told once more.
AGAIN = timedelta(seconds=1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRequest:
    """One device, when its poll was asked for, and when it was told first."""

    device_uuid: str
    asked_at: datetime
    told_at: datetime | None


class PostgresPollRequests:
    """Requests by device; a row goes when the broker has taken the second message."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, uuids: Iterable[str], at: datetime) -> None:
        """Have the scheduler tell these devices to poll."""
        await self._connection.execute(
            """INSERT INTO poll_requests (device_uuid, asked_at)
               SELECT uuid, %s FROM unnest(%s::uuid[]) AS wanted (uuid) ORDER BY uuid
               ON CONFLICT (device_uuid) DO UPDATE SET asked_at = excluded.asked_at,
                   told_at = NULL""",
            (at, list(uuids)),
        )

    async def due(self, now: datetime, limit: int) -> list[PollRequest]:
        """Return requests that nobody was told of yet, or long enough ago, oldest first."""
        async with self._connection.cursor(row_factory=class_row(PollRequest)) as cursor:
            await cursor.execute(
                """SELECT device_uuid::text AS device_uuid, asked_at, told_at FROM poll_requests
                   WHERE told_at IS NULL OR told_at <= %s
                   ORDER BY asked_at, device_uuid LIMIT %s""",
                (now - AGAIN, limit),
            )
            return await cursor.fetchall()

    async def told(self, requests: Sequence[PollRequest], at: datetime) -> None:
        """Note what the broker took; one that was asked for anew meanwhile stays as it is."""
        twice = [request for request in requests if request.told_at is not None]
        await self._connection.execute(
            """DELETE FROM poll_requests
               USING unnest(%s::uuid[], %s::timestamptz[]) AS met (uuid, at)
               WHERE device_uuid = met.uuid AND asked_at = met.at AND told_at IS NOT NULL""",
            ([one.device_uuid for one in twice], [one.asked_at for one in twice]),
        )
        once = [request for request in requests if request.told_at is None]
        await self._connection.execute(
            """UPDATE poll_requests SET told_at = %s
               FROM unnest(%s::uuid[], %s::timestamptz[]) AS met (uuid, at)
               WHERE device_uuid = met.uuid AND asked_at = met.at""",
            (at, [one.device_uuid for one in once], [one.asked_at for one in once]),
        )

    async def waiting(self) -> bool:
        """Return whether any device is still to be told."""
        cursor = await self._connection.execute("SELECT EXISTS (SELECT FROM poll_requests)")
        row = await cursor.fetchone()
        return bool(row and row[0])
