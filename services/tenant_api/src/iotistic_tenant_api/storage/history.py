"""What target states were, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Past", "PostgresHistory"]

_COLUMNS = "version, spec_revision, spec, overrides, changed_at, changed_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A target state as it once was; of secrets it has the HMACs only."""

    version: int
    spec_revision: int
    spec: Mapping[str, Any]
    overrides: Mapping[str, Any]
    changed_at: datetime
    changed_by: str


class PostgresHistory:
    """Past target states by device."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page(self, uuid: str, before: tuple[int, int] | None, limit: int) -> list[Past]:
        """Return up to `limit` states older than `before` = (version, spec revision)."""
        version, revision = before or (2**53, 0)
        async with self._connection.cursor(row_factory=class_row(Past)) as cursor:
            await cursor.execute(
                f"""SELECT {_COLUMNS} FROM device_target_state_history
                    WHERE device_uuid = %s AND (version, spec_revision) < (%s, %s)
                    ORDER BY version DESC, spec_revision DESC LIMIT %s""",  # noqa: S608 - constant
                (uuid, version, revision, limit),
            )
            return await cursor.fetchall()

    async def at(self, uuid: str, version: int, revision: int | None) -> Past | None:
        """Return a state of a version: that of a spec revision, or the last one."""
        async with self._connection.cursor(row_factory=class_row(Past)) as cursor:
            await cursor.execute(
                f"""SELECT {_COLUMNS} FROM device_target_state_history
                    WHERE device_uuid = %s AND version = %s
                      AND spec_revision = coalesce(%s, spec_revision)
                    ORDER BY spec_revision DESC LIMIT 1""",  # noqa: S608 - constant
                (uuid, version, revision),
            )
            return await cursor.fetchone()
