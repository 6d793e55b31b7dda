"""Settings of the tenant that live in its database, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresAudit", "PostgresConfiguration"]


class PostgresConfiguration:
    """JSON values by name (table system_config)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Any:
        """Return the value under `name`, None when there is none."""
        cursor = await self._connection.execute(
            "SELECT value FROM system_config WHERE name = %s", (name,)
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def put(self, name: str, value: Any, at: datetime) -> None:
        """Store `value` under `name`."""
        await self._connection.execute(
            """INSERT INTO system_config (name, value, changed_at) VALUES (%s, %s, %s)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value,
                   changed_at = excluded.changed_at""",
            (name, Jsonb(value), at),
        )

    async def changed_at(self, name: str) -> datetime | None:
        """Return when `name` was last stored."""
        cursor = await self._connection.execute(
            "SELECT changed_at FROM system_config WHERE name = %s", (name,)
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]


class PostgresAudit:
    """The audit log: rows are only ever added."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(
        self,
        action: str,
        subject: str,
        *,
        actor: str,
        at: datetime,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add one line: who did what to whom."""
        await self._connection.execute(
            """INSERT INTO audit_log (at, actor, action, subject, detail)
               VALUES (%s, %s, %s, %s, %s)""",
            (at, actor, action, subject, Jsonb(dict(detail or {}))),
        )
