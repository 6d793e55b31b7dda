"""Current states and the marks that keep each message counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.reports import Mark
from iotistic_tenant_api.storage.registrations import PostgresRegistrations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.domain.fleet import Summary
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["STREAMS_KEPT", "PostgresReports"]

# A stream is an outbox file: a device makes a new one when it has lost the old one.
STREAMS_KEPT = 16


class PostgresReports:
    """Reports of devices; marks belong to a registration and a lane."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def mark(self, uuid: str, registration: str, lane: str, stream: str) -> Mark | None:
        """Return a stream's mark, and keep other reports of this device waiting.

        None for a new stream; Refused 401 when the registration has ended or the device is gone.
        """
        await PostgresRegistrations(self._connection).lock(uuid)
        cursor = await self._connection.execute(
            """SELECT m.epoch, m.sequence,
                      m.seen = (SELECT max(seen) FROM device_marks
                                WHERE device_uuid = d.uuid AND registration = r.id
                                  AND lane = %(lane)s)
               FROM devices d
               JOIN device_registrations r ON r.device_uuid = d.uuid
               LEFT JOIN device_marks m ON m.device_uuid = d.uuid AND m.registration = r.id
                    AND m.lane = %(lane)s AND m.stream = %(stream)s
               WHERE d.uuid = %(uuid)s AND d.deleted_at IS NULL
                 AND r.id = %(registration)s AND r.ended_at IS NULL""",
            {"uuid": uuid, "registration": registration, "lane": lane, "stream": stream},
        )
        row = await cursor.fetchone()
        if row is None:
            raise Refused(401, "unauthorized", "this registration has ended")
        epoch, sequence, latest = row
        return None if epoch is None else Mark(epoch=epoch, sequence=sequence, latest=latest)

    async def raise_mark(
        self, uuid: str, registration: str, lane: str, stream: str, place: tuple[int, int]
    ) -> None:
        """Set the mark of a known stream to `place` = (epoch, sequence)."""
        await self._connection.execute(
            """UPDATE device_marks SET epoch = %s, sequence = %s
               WHERE device_uuid = %s AND registration = %s AND lane = %s AND stream = %s""",
            (*place, uuid, registration, lane, stream),
        )

    async def add_mark(
        self, uuid: str, registration: str, lane: str, stream: str, place: tuple[int, int]
    ) -> None:
        """Set the first mark of a new stream, and forget the oldest streams of its lane."""
        await self._connection.execute(
            """INSERT INTO device_marks (device_uuid, registration, lane, stream, epoch, sequence)
               VALUES (%s, %s, %s, %s, %s, %s)""",
            (uuid, registration, lane, stream, *place),
        )
        await self._connection.execute(
            """DELETE FROM device_marks
               WHERE device_uuid = %(uuid)s AND registration = %(registration)s
                 AND lane = %(lane)s
                 AND seen <= (SELECT seen FROM device_marks
                              WHERE device_uuid = %(uuid)s AND registration = %(registration)s
                                AND lane = %(lane)s
                              ORDER BY seen DESC OFFSET %(kept)s LIMIT 1)""",
            {"uuid": uuid, "registration": registration, "lane": lane, "kept": STREAMS_KEPT},
        )

    async def count_repeat(
        self, uuid: str, registration: str, lane: str, stream: str, count: int = 1
    ) -> None:
        """Note that messages came again."""
        await self._connection.execute(
            """UPDATE device_marks SET repeats = repeats + %s
               WHERE device_uuid = %s AND registration = %s AND lane = %s AND stream = %s""",
            (count, uuid, registration, lane, stream),
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
