"""Events: added in the transaction of the change, and told to every worker at its commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from iotistic_tenant_api.domain.events import Told, told_of
from iotistic_tenant_api.storage.connection import FLEET_CHANGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from iotistic_tenant_api.domain.events import Event
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresEvents", "read_notice"]

# A payload is at most 7,999 bytes; an id, a uuid and what stands between are at most 58.
_PER_MESSAGE = 130


class PostgresEvents:
    """The log of a tenant's devices: rows are only ever added."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, events: Sequence[Event], at: datetime) -> None:
        """Add the events, and tell at commit whose device changed in which way."""
        if not events:
            return
        rows = [
            {"n": number, "uuid": one.uuid, "type": one.type, "severity": one.severity,
             "actor": one.actor[:256], "data": dict(one.data),
             "at": (one.at or at).isoformat()}
            for number, one in enumerate(events)
        ]  # fmt: skip
        cursor = await self._connection.execute(
            """INSERT INTO events (at, device_uuid, type, severity, actor, data)
               SELECT at, uuid, type, severity, actor, data
               FROM jsonb_to_recordset(%s::jsonb) AS added
                   (n integer, at timestamptz, uuid uuid, type text, severity text, actor text,
                    data jsonb)
               ORDER BY n RETURNING id, device_uuid::text, type""",
            (json.dumps(rows),),
        )
        newest: dict[Told, dict[str, int]] = {}
        for number, uuid, type_ in await cursor.fetchall():
            newest.setdefault(told_of(type_), {})[uuid] = number
        for told, numbers in newest.items():
            await self._tell(told, numbers)

    async def page(self, uuid: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
        """Return events of one device, or of all, newest first."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """SELECT e.id, e.at, e.device_uuid::text AS device_uuid, d.name AS device_name,
                          e.type, e.severity, e.actor, e.data
                   FROM events e LEFT JOIN devices d ON d.uuid = e.device_uuid
                   WHERE (%(uuid)s::uuid IS NULL OR e.device_uuid = %(uuid)s::uuid)
                     AND (%(before)s::bigint IS NULL OR e.id < %(before)s::bigint)
                   ORDER BY e.id DESC LIMIT %(limit)s""",
                {"uuid": uuid, "before": before, "limit": limit},
            )
            return await cursor.fetchall()

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Remove what is older than `kept`; return how much that was."""
        cursor = await self._connection.execute("DELETE FROM events WHERE at < %s", (now - kept,))
        return cursor.rowcount

    async def _tell(self, told: Told, numbers: dict[str, int]) -> None:
        parts = [f"{number}:{uuid}" for uuid, number in numbers.items()]
        for start in range(0, len(parts), _PER_MESSAGE):
            payload = " ".join([told, *parts[start : start + _PER_MESSAGE]])
            await self._connection.execute("SELECT pg_notify(%s, %s)", (FLEET_CHANGED, payload))


def read_notice(payload: str) -> Iterable[tuple[int, str, str]]:
    """Yield id, uuid and what is other, of each device that a message of `record` names."""
    told, *parts = payload.split()
    for part in parts:
        number, _, uuid = part.partition(":")
        yield int(number), uuid, told
