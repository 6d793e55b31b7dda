"""Target states, one row a device, and their history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from iotistic_tenant_api.domain.sealing import sealing_thumbprint
from iotistic_tenant_api.domain.targets import Target
from iotistic_tenant_api.storage.connection import TARGET_CHANGED, announce

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresTargets"]

_SELECT = """
    SELECT d.uuid::text AS uuid, t.version, t.spec_revision, t.spec, t.overrides, t.secrets,
           t.next_expiry, coalesce(t.changed_at, d.created_at) AS changed_at, r.sealing_key
    FROM devices d
    LEFT JOIN device_target_state t ON t.device_uuid = d.uuid
    LEFT JOIN device_registrations r ON r.id = d.newest_registration
    WHERE d.uuid = ANY(%s::uuid[]) AND d.deleted_at IS NULL
    ORDER BY d.uuid"""


class PostgresTargets:
    """Targets of devices that are here; one that was never written has version 0."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, uuids: Iterable[str], *, lock: bool = False) -> dict[str, Target]:
        """Return the targets by uuid, without unknown devices; `lock` keeps them until the end."""
        statement = f"{_SELECT} FOR NO KEY UPDATE OF d" if lock else _SELECT
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, (list(uuids),))
            return {row["uuid"]: _target(row) for row in await cursor.fetchall()}

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Return devices with an override that has ended."""
        cursor = await self._connection.execute(
            """SELECT device_uuid::text FROM device_target_state WHERE next_expiry <= %s
               ORDER BY next_expiry LIMIT %s""",
            (now, limit),
        )
        return [uuid for (uuid,) in await cursor.fetchall()]

    async def next_expiry(self) -> datetime | None:
        """Return when the next override ends."""
        cursor = await self._connection.execute(
            "SELECT min(next_expiry) FROM device_target_state WHERE next_expiry IS NOT NULL"
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def put(self, targets: Sequence[Target], *, by: str) -> None:
        """Store changed targets and their history, and tell the other workers at commit.

        All rows go as one JSON value: an array per column costs ten times as much to write.
        """
        rows = json.dumps([_row(target) for target in targets])
        await self._connection.execute(
            """WITH changed AS (
                   SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS changed (
                       uuid uuid, version bigint, revision bigint, spec jsonb, overrides jsonb,
                       secrets jsonb, expiry timestamptz, at timestamptz)
               ), written AS (
                   INSERT INTO device_target_state (device_uuid, version, spec_revision, spec,
                       overrides, secrets, next_expiry, changed_at)
                   SELECT * FROM changed
                   ON CONFLICT (device_uuid) DO UPDATE SET version = excluded.version,
                       spec_revision = excluded.spec_revision, spec = excluded.spec,
                       overrides = excluded.overrides, secrets = excluded.secrets,
                       next_expiry = excluded.next_expiry, changed_at = excluded.changed_at
               )
               INSERT INTO device_target_state_history (device_uuid, version, spec_revision, spec,
                   overrides, changed_at, changed_by)
               SELECT uuid, version, revision, spec, overrides, at, %(by)s FROM changed
               ON CONFLICT (device_uuid, version, spec_revision) DO NOTHING""",
            {"rows": rows, "by": by},
        )
        await announce(self._connection, TARGET_CHANGED, [target.uuid for target in targets])


def _row(target: Target) -> dict[str, Any]:
    expiry = target.next_expiry
    return {
        "uuid": target.uuid,
        "version": target.version,
        "revision": target.spec_revision,
        "spec": target.spec,
        "overrides": target.overrides,
        "secrets": target.secrets,
        "expiry": None if expiry is None else expiry.isoformat(),
        "at": target.changed_at.isoformat(),
    }


def _target(row: dict[str, Any]) -> Target:
    sealing_key = row["sealing_key"]
    thumbprint = None if sealing_key is None else sealing_thumbprint(sealing_key)
    if row["spec"] is None:
        return Target(uuid=row["uuid"], changed_at=row["changed_at"], sealing_thumbprint=thumbprint)
    names = ("uuid", "version", "spec_revision", "spec", "overrides", "secrets", "next_expiry",
             "changed_at")  # fmt: skip
    return Target(**{name: row[name] for name in names}, sealing_thumbprint=thumbprint)
