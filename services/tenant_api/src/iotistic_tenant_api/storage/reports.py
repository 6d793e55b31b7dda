"""Current states and the marks that keep each message counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from iotistic_tenant_api.domain.reports import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.domain.fleet import Summary
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresReports"]


class PostgresReports:
    """Reports of devices; marks belong to a registration and a lane."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def marks(self, uuid: str, registration: str, lane: str) -> list[Mark]:
        """Return a lane's marks, and keep other reports of this device waiting."""
        await self._connection.execute(
            "SELECT FROM devices WHERE uuid = %s FOR NO KEY UPDATE", (uuid,)
        )
        async with self._connection.cursor(row_factory=class_row(Mark)) as cursor:
            await cursor.execute(
                """SELECT stream, epoch, sequence, seen FROM device_marks
                   WHERE device_uuid = %s AND registration = %s AND lane = %s""",
                (uuid, registration, lane),
            )
            return await cursor.fetchall()

    async def raise_mark(
        self, uuid: str, registration: str, lane: str, stream: str, place: tuple[int, int]
    ) -> None:
        """Set a stream's mark to `place` = (epoch, sequence)."""
        await self._connection.execute(
            """INSERT INTO device_marks (device_uuid, registration, lane, stream, epoch, sequence)
               VALUES (%s, %s, %s, %s, %s, %s)
               ON CONFLICT (device_uuid, registration, lane, stream)
               DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence""",
            (uuid, registration, lane, stream, *place),
        )

    async def count_repeat(self, uuid: str, registration: str, lane: str, stream: str) -> None:
        """Note that a message came again."""
        await self._connection.execute(
            """UPDATE device_marks SET repeats = repeats + 1
               WHERE device_uuid = %s AND registration = %s AND lane = %s AND stream = %s""",
            (uuid, registration, lane, stream),
        )

    async def current(self, uuid: str) -> dict[str, Any] | None:
        """Return {report, received_at} of a device that has reported."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """SELECT registration::text AS registration, report, received_at
                   FROM device_current_state WHERE device_uuid = %s""",
                (uuid,),
            )
            return await cursor.fetchone()

    async def replace(
        self,
        uuid: str,
        registration: str,
        report: Mapping[str, Any],
        summary: Summary,
        at: datetime,
    ) -> None:
        """Store the current state, what it comes to, and what the device row repeats of it."""
        await self._connection.execute(
            """INSERT INTO device_current_state (device_uuid, registration, report, received_at)
               VALUES (%s, %s, %s, %s)
               ON CONFLICT (device_uuid) DO UPDATE SET registration = excluded.registration,
                   report = excluded.report, received_at = excluded.received_at""",
            (uuid, registration, Jsonb(report), at),
        )
        await self._connection.execute(
            """UPDATE devices SET last_seen_at = greatest(last_seen_at, %(at)s),
                   poll_interval_ms = coalesce(%(interval)s, poll_interval_ms),
                   agent_version = coalesce(%(agent)s, agent_version),
                   os_version = coalesce(%(os)s, os_version),
                   report_status = %(status)s, applied_version = %(applied)s,
                   failure = %(failure)s,
                   failing_since = CASE WHEN %(is_failing)s
                       THEN coalesce(failing_since, %(at)s) END,
                   services_total = %(total)s, services_running = %(running)s,
                   services_stopped = %(stopped)s, services_paused = %(paused)s,
                   services_failing = %(failing)s
               WHERE uuid = %(uuid)s""",
            {
                "at": at,
                "uuid": uuid,
                "interval": report.get("pollIntervalMs"),
                "agent": report.get("agentVersion"),
                "os": report.get("osVersion"),
                "status": summary.status,
                "applied": summary.applied_version,
                "failure": None if summary.failure is None else Jsonb(dict(summary.failure)),
                "is_failing": summary.is_failing,
                "total": summary.total,
                "running": summary.running,
                "stopped": summary.stopped,
                "paused": summary.paused,
                "failing": summary.failing,
            },
        )
