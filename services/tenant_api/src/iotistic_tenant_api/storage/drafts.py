"""Drafts of specs, one a device."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Draft", "PostgresDrafts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec that isn't in force; `secrets` are encrypted, the spec holds their HMACs.

    `revision` is another one after each save, also after the draft was gone.
    """

    revision: int = 0
    spec: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    base_revision: int
    changed_by: str
    changed_at: datetime


class PostgresDrafts:
    """Drafts by device; callers lock the device's target first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, uuid: str) -> Draft | None:
        """Return the device's draft."""
        async with self._connection.cursor(row_factory=class_row(Draft)) as cursor:
            await cursor.execute(
                """SELECT revision, spec, secrets, base_revision, changed_by, changed_at
                   FROM device_target_drafts WHERE device_uuid = %s""",
                (uuid,),
            )
            return await cursor.fetchone()

    async def put(self, uuid: str, draft: Draft) -> Draft:
        """Store the draft, and return it with its new revision."""
        cursor = await self._connection.execute(
            """INSERT INTO device_target_drafts (device_uuid, spec, secrets, base_revision,
                   changed_by, changed_at) VALUES (%s, %s, %s, %s, %s, %s)
               ON CONFLICT (device_uuid) DO UPDATE SET revision = excluded.revision,
                   spec = excluded.spec, secrets = excluded.secrets,
                   base_revision = excluded.base_revision, changed_by = excluded.changed_by,
                   changed_at = excluded.changed_at
               RETURNING revision""",
            (uuid, Jsonb(draft.spec), Jsonb(draft.secrets), draft.base_revision,
             draft.changed_by, draft.changed_at),
        )  # fmt: skip
        row = await cursor.fetchone()
        return replace(draft, revision=row[0] if row else 0)

    async def drop(self, uuid: str) -> None:
        """Forget the draft."""
        await self._connection.execute(
            "DELETE FROM device_target_drafts WHERE device_uuid = %s", (uuid,)
        )
