"""Log lines and readings of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from iotistic_tenant_api.domain.lanes import known_levels, levels_from, made_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from iotistic_contract.lanes import LogLine, ReadingLine
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["LINES_KEPT", "READINGS_KEPT", "PostgresLogs", "PostgresReadings"]

LINES_KEPT = 20_000
READINGS_KEPT = 100_000


class PostgresLogs:
    """Lines by device, in the order of their arrival."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, uuid: str, lines: Iterable[LogLine], now: datetime) -> None:
        """Store lines that came at ``now``."""
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(
                "COPY device_logs (device_uuid, at, received_at, level, service, component,"
                " message, extra) FROM STDIN"
            ) as copy,
        ):
            for line in lines:
                at, extra = made_at(line.at, now), Jsonb(dict(line.extra))
                row = (uuid, at, now, line.level, line.service, line.component, line.message)
                await copy.write_row((*row, extra))

    async def page(  # noqa: PLR0913 - what can be asked for
        self,
        uuid: str,
        *,
        service: str | None,
        component: str | None,
        level: str | None,
        since: datetime | None,
        before: int | None,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Return lines of a device, newest first; ``level`` is the least one."""
        levels, others = levels_from(level)
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """SELECT id, at, received_at, level, service, component, message, extra
                   FROM device_logs
                   WHERE device_uuid = %(uuid)s
                     AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
                     AND (%(service)s::text IS NULL OR service = %(service)s)
                     AND (%(component)s::text IS NULL OR component = %(component)s)
                     AND (%(since)s::timestamptz IS NULL OR at >= %(since)s::timestamptz)
                     AND (level = ANY(%(levels)s) OR %(others)s AND level <> ALL(%(known)s))
                   ORDER BY id DESC LIMIT %(limit)s""",
                {"uuid": uuid, "before": before, "service": service, "component": component,
                 "since": since, "levels": levels, "others": others, "known": known_levels(),
                 "limit": limit},
            )  # fmt: skip
            return await cursor.fetchall()

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Remove what came before ``now - kept``; return how much that was."""
        cursor = await self._connection.execute(
            "DELETE FROM device_logs WHERE received_at < %s", (now - kept,)
        )
        return cursor.rowcount

    async def shorten(self, most: int = LINES_KEPT) -> int:
        """Remove all but the newest ``most`` lines of each device; return how much that was."""
        cursor = await self._connection.execute(
            """DELETE FROM device_logs l
               USING devices d, LATERAL (
                   SELECT id FROM device_logs WHERE device_uuid = d.uuid
                   ORDER BY id DESC OFFSET %s LIMIT 1) last
               WHERE l.device_uuid = d.uuid AND l.id <= last.id""",
            (most,),
        )
        return cursor.rowcount


class PostgresReadings:
    """Values of sensors by device, in the order of their arrival."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, uuid: str, lines: Iterable[ReadingLine], now: datetime) -> None:
        """Store readings that came at ``now``."""
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(
                "COPY device_readings (device_uuid, at, received_at, sensor_id, value, unit,"
                " extra) FROM STDIN"
            ) as copy,
        ):
            for line in lines:
                at = made_at(line.timestamp or line.at, now)
                row = (uuid, at, now, line.sensor_id, Jsonb(line.value), line.unit)
                await copy.write_row((*row, Jsonb(dict(line.extra))))

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Remove what came before ``now - kept``; return how much that was."""
        cursor = await self._connection.execute(
            "DELETE FROM device_readings WHERE received_at < %s", (now - kept,)
        )
        return cursor.rowcount

    async def shorten(self, most: int = READINGS_KEPT) -> int:
        """Remove all but the newest ``most`` readings of each device; return how much it was."""
        cursor = await self._connection.execute(
            """DELETE FROM device_readings l
               USING devices d, LATERAL (
                   SELECT id FROM device_readings WHERE device_uuid = d.uuid
                   ORDER BY id DESC OFFSET %s LIMIT 1) last
               WHERE l.device_uuid = d.uuid AND l.id <= last.id""",
            (most,),
        )
        return cursor.rowcount
