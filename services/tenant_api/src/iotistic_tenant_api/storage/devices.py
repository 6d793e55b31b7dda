"""Devices as people see them, and as a registration finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from iotistic_tenant_api.domain.registration import DeviceOnFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresDevices"]


class PostgresDevices:
    """Devices by uuid; removed ones are found by registrations only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, uuid: str) -> DeviceOnFile | None:
        """Return what is known of a uuid and keep it (also an unknown one) until the end."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (uuid,)
        )
        async with self._connection.cursor(row_factory=class_row(DeviceOnFile)) as cursor:
            await cursor.execute(
                """SELECT uuid::text AS uuid, fleet, public_key, registered_at, reregister_until,
                          deleted_at, keys_revoked_at
                   FROM devices WHERE uuid = %s FOR NO KEY UPDATE""",
                (uuid,),
            )
            return await cursor.fetchone()

    async def lock_plan(self) -> None:
        """Keep other registrations from counting until the transaction ends."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(hashtext('plan devices'))")

    async def count_registered(self) -> int:
        """Return how many of the plan's devices are used."""
        cursor = await self._connection.execute(
            """SELECT count(*) FROM devices
               WHERE registered_at IS NOT NULL AND deleted_at IS NULL"""
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def beyond(self, limit: int) -> set[str]:
        """Return the registered devices past the first `limit`, in order of registration."""
        cursor = await self._connection.execute(
            """SELECT uuid::text FROM devices
               WHERE registered_at IS NOT NULL AND deleted_at IS NULL
               ORDER BY registered_at, uuid OFFSET %s""",
            (limit,),
        )
        return {uuid for (uuid,) in await cursor.fetchall()}

    async def describe(self, device: Mapping[str, Any], at: datetime) -> bool:
        """Add a device that is to register; False when the uuid is taken.

        A uuid that was removed starts anew, without the key it had.
        """
        cursor = await self._connection.execute(
            """INSERT INTO devices (uuid, name, device_type, fleet, tags, created_at)
               VALUES (%(uuid)s, %(name)s, %(device_type)s, %(fleet)s, %(tags)s, %(at)s)
               ON CONFLICT (uuid) DO UPDATE SET name = excluded.name,
                   device_type = excluded.device_type, fleet = excluded.fleet,
                   tags = excluded.tags, created_at = excluded.created_at, deleted_at = NULL,
                   public_key = NULL, registered_at = NULL, released_at = NULL,
                   newest_registration = NULL, reregister_until = NULL, last_seen_at = NULL,
                   keys_revoked_at = NULL, told_online = false
               WHERE devices.deleted_at IS NOT NULL""",
            {**device, "tags": Jsonb(device["tags"]), "at": at},
        )
        return cursor.rowcount == 1

    async def change(self, uuid: str, changes: Mapping[str, Any]) -> None:
        """Set those of name, device_type, fleet, tags, reregister_until that `changes` has."""
        columns = ("name", "device_type", "fleet", "tags", "reregister_until")
        wanted = [name for name in columns if name in changes]
        values = {name: changes[name] for name in wanted} | {"uuid": uuid}
        if "tags" in values:
            values["tags"] = Jsonb(values["tags"])
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in wanted
        )
        statement = sql.SQL("UPDATE devices SET {} WHERE uuid = %(uuid)s AND deleted_at IS NULL")
        await self._connection.execute(statement.format(assignments), values)

    async def remove(self, uuid: str, at: datetime) -> bool:
        """Mark a device as removed; its target goes, its uuid stays known."""
        cursor = await self._connection.execute(
            """UPDATE devices SET deleted_at = %s, public_key = NULL, reregister_until = NULL,
                   told_online = false, report_status = NULL, applied_version = NULL,
                   failure = NULL, failing_since = NULL, services_total = 0,
                   services_running = 0, services_stopped = 0, services_paused = 0,
                   services_failing = 0
               WHERE uuid = %s AND deleted_at IS NULL""",
            (at, uuid),
        )
        if cursor.rowcount == 0:
            return False
        for statement in (
            "DELETE FROM poll_requests WHERE device_uuid = %s",
            "DELETE FROM device_target_drafts WHERE device_uuid = %s",
            "DELETE FROM device_metrics WHERE device_uuid = %s",
            "DELETE FROM device_logs WHERE device_uuid = %s",
            "DELETE FROM device_readings WHERE device_uuid = %s",
            "DELETE FROM device_target_state WHERE device_uuid = %s",
            "DELETE FROM device_current_state WHERE device_uuid = %s",
            "DELETE FROM device_target_state_history WHERE device_uuid = %s",
        ):
            await self._connection.execute(statement, (uuid,))
        return True

    async def revoke(self, uuid: str, at: datetime) -> bool:
        """Note that the device may not come back by itself; False when it is no device here."""
        cursor = await self._connection.execute(
            """UPDATE devices SET keys_revoked_at = %s, reregister_until = NULL
               WHERE uuid = %s AND deleted_at IS NULL""",
            (at, uuid),
        )
        return cursor.rowcount == 1

    async def readmit(self, uuid: str, until: datetime, at: datetime) -> bool:
        """Open the door for a device whose keys were revoked, or that was removed.

        A removed one begins anew: it counts as one more of the plan's devices when it comes.
        """
        cursor = await self._connection.execute(
            """UPDATE devices SET reregister_until = %(until)s, deleted_at = NULL,
                   keys_revoked_at = coalesce(keys_revoked_at, %(at)s),
                   registered_at = CASE WHEN deleted_at IS NULL THEN registered_at END,
                   last_seen_at = CASE WHEN deleted_at IS NULL THEN last_seen_at END
               WHERE uuid = %(uuid)s AND (deleted_at IS NOT NULL OR keys_revoked_at IS NOT NULL)""",
            {"until": until, "uuid": uuid, "at": at},
        )
        return cursor.rowcount == 1

    async def turn_presence(
        self, now: datetime, grace: timedelta, limit: int
    ) -> list[tuple[str, bool, datetime]]:
        """Return (uuid, online, last seen) of devices told otherwise so far, and note it.

        Rows that somebody else is writing wait for the next time.
        """
        cursor = await self._connection.execute(
            """WITH turned AS (
                   SELECT uuid FROM devices
                   WHERE deleted_at IS NULL AND last_seen_at IS NOT NULL
                     AND told_online = (last_seen_at <= %(now)s::timestamptz
                         - 3 * coalesce(nullif(poll_interval_ms, 0), 30000) * interval '1 ms'
                         - CASE WHEN told_online THEN %(grace)s ELSE interval '0' END)
                   ORDER BY uuid LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
               )
               UPDATE devices SET told_online = NOT told_online FROM turned
               WHERE devices.uuid = turned.uuid
               RETURNING devices.uuid::text, told_online, last_seen_at""",
            {"now": now, "grace": grace, "limit": limit},
        )
        return [(uuid, online, seen) for uuid, online, seen in await cursor.fetchall()]

    async def present(self, uuids: Iterable[str]) -> set[str]:
        """Return those of `uuids` that are devices here."""
        cursor = await self._connection.execute(
            "SELECT uuid::text FROM devices WHERE uuid = ANY(%s::uuid[]) AND deleted_at IS NULL",
            (list(uuids),),
        )
        return {uuid for (uuid,) in await cursor.fetchall()}

    async def saw(self, times: Mapping[str, datetime]) -> None:
        """Store signs of life of many devices in one statement."""
        await self._connection.execute(
            """UPDATE devices SET last_seen_at = greatest(devices.last_seen_at, seen.at)
               FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen (uuid, at)
               WHERE devices.uuid = seen.uuid""",
            (sorted(times), [times[uuid] for uuid in sorted(times)]),
        )
