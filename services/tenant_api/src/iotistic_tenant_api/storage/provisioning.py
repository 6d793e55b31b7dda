"""Provisioning keys, their places, and the tries at them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row

from iotistic_tenant_api.domain.attempts import WINDOW
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.registration import ProvisioningKey

if TYPE_CHECKING:
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresProvisioningAttempts", "PostgresProvisioningKeys"]

_KEY = """id, secret_hash, max_devices, used, fleet, device_uuid::text AS device_uuid,
          expires_at, revoked_at"""
_VIEW = """id, name, max_devices, used, fleet, device_uuid::text AS device_uuid,
           expires_at, revoked_at, created_at, created_by"""


class PostgresProvisioningKeys:
    """Keys by id; the secret is known as its SHA-256 only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key_id: str) -> ProvisioningKey | None:
        """Return the key for a registration."""
        async with self._connection.cursor(row_factory=class_row(ProvisioningKey)) as cursor:
            await cursor.execute(
                f"SELECT {_KEY} FROM provisioning_keys WHERE id = %s",  # noqa: S608 - constant
                (key_id,),
            )
            return await cursor.fetchone()

    async def add(
        self, key: ProvisioningKey, *, name: str | None, at: datetime, by: str
    ) -> dict[str, Any]:
        """Store a new key and return its view."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""INSERT INTO provisioning_keys (id, name, secret_hash, max_devices, fleet,
                        device_uuid, expires_at, created_at, created_by)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                    RETURNING {_VIEW}""",  # noqa: S608 - constant
                (key.id, name, key.secret_hash, key.max_devices, key.fleet, key.device_uuid,
                 key.expires_at, at, by),
            )  # fmt: skip
            row = await cursor.fetchone()
        return row or {}

    async def view(self, key_id: str) -> dict[str, Any] | None:
        """Return what people may see of a key."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"SELECT {_VIEW} FROM provisioning_keys WHERE id = %s",  # noqa: S608 - constant
                (key_id,),
            )
            return await cursor.fetchone()

    async def page(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` keys whose id follows `after`, by id."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""SELECT {_VIEW} FROM provisioning_keys WHERE id > %s
                    ORDER BY id LIMIT %s""",  # noqa: S608 - constant
                (after, limit),
            )
            return await cursor.fetchall()

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Void the key for good; False when there is none."""
        cursor = await self._connection.execute(
            "UPDATE provisioning_keys SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s",
            (at, key_id),
        )
        return cursor.rowcount == 1

    async def count_leak(self, key_id: str) -> None:
        """Note that somebody sent this key's secret in the clear."""
        await self._connection.execute(
            "UPDATE provisioning_keys SET leaked = leaked + 1 WHERE id = %s", (key_id,)
        )

    async def take_place(
        self, key: ProvisioningKey, uuid: str, public_key: bytes, at: datetime
    ) -> None:
        """Take one place, once per uuid and public key; Refused `limit_reached` when none is left.

        The count is taken in one conditional UPDATE, so that no two takers share the last place.
        """
        cursor = await self._connection.execute(
            """INSERT INTO provisioning_key_uses (key_id, device_uuid, public_key, at)
               VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (key.id, uuid, public_key, at),
        )
        if cursor.rowcount == 0:
            return
        cursor = await self._connection.execute(
            """UPDATE provisioning_keys SET used = used + 1
               WHERE id = %s AND used < max_devices AND revoked_at IS NULL""",
            (key.id,),
        )
        if cursor.rowcount == 0:
            raise Refused(
                403, "limit_reached", "this provisioning key is used up",
                limit=key.max_devices, used=key.max_devices, of="key",
            )  # fmt: skip


class PostgresProvisioningAttempts:
    """Tries, used challenges and private-key work, all by time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def failures(self, key_id: str, address: str, now: datetime) -> list[datetime]:
        """Return when tries failed in the window, and keep others from counting meanwhile.

        The longer of two lists: by key id, and by address.
        """
        for subject in sorted({f"key {key_id}", f"address {address}"}):
            await self._connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (subject,)
            )
        by_key = await self._connection.execute(
            "SELECT at FROM provisioning_attempts WHERE key_id = %s AND at > %s ORDER BY at",
            (key_id, now - WINDOW),
        )
        times = [at for (at,) in await by_key.fetchall()]
        by_address = await self._connection.execute(
            "SELECT at FROM provisioning_attempts WHERE address = %s AND at > %s ORDER BY at",
            (address, now - WINDOW),
        )
        return max(times, [at for (at,) in await by_address.fetchall()], key=len)

    async def record_failure(self, key_id: str, address: str, at: datetime) -> None:
        """Count one wrong secret."""
        await self._connection.execute(
            "INSERT INTO provisioning_attempts (key_id, address, at) VALUES (%s, %s, %s)",
            (key_id, address, at),
        )

    async def use_challenge(self, digest: bytes, at: datetime) -> bool:
        """Mark a challenge as used; False when it was used before."""
        cursor = await self._connection.execute(
            """INSERT INTO provisioning_challenges (digest, used_at) VALUES (%s, %s)
               ON CONFLICT DO NOTHING""",
            (digest, at),
        )
        return cursor.rowcount == 1

    async def count_work(self, address: str, now: datetime) -> int:
        """Return how often this address asked for private-key work in this minute, this one too."""
        cursor = await self._connection.execute(
            """INSERT INTO provisioning_work (address, minute, count) VALUES (%s, %s, 1)
               ON CONFLICT (address, minute) DO UPDATE SET count = provisioning_work.count + 1
               RETURNING count""",
            (address, now.replace(second=0, microsecond=0)),
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def forget(self, now: datetime) -> int:
        """Remove what no decision looks at any more; the number of rows removed."""
        removed = 0
        for statement, age in (
            ("DELETE FROM provisioning_attempts WHERE at < %s", WINDOW),
            ("DELETE FROM provisioning_challenges WHERE used_at < %s", timedelta(minutes=20)),
            ("DELETE FROM provisioning_work WHERE minute < %s", timedelta(minutes=2)),
        ):
            cursor = await self._connection.execute(statement, (now - age,))
            removed += cursor.rowcount
        return removed
