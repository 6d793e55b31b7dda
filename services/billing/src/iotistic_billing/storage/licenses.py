"""Every license that was ever made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from iotistic_billing.domain.model import StoredLicense

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from iotistic_kit.db import Connection

__all__ = ["PostgresLicenses"]

_COLUMNS = (
    "jti, customer_id, token, kid, claims, issued_at, expires_at, reason, revoked_at, revoke_reason"
)


class PostgresLicenses:
    """The licenses, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def last(self, customer_id: str) -> StoredLicense | None:
        """Return the customer's newest license, revoked or not."""
        found = await self.history(customer_id, limit=1)
        return found[0] if found else None

    async def history(self, customer_id: str, *, limit: int) -> list[StoredLicense]:
        """Return the customer's licenses, newest first."""
        return await self._all(
            f"SELECT {_COLUMNS} FROM license_history WHERE customer_id = %s"  # noqa: S608
            " ORDER BY issued_at DESC LIMIT %s",
            [customer_id, limit],
        )

    async def add(self, made: StoredLicense) -> None:
        """Store a license that was just made."""
        await self._connection.execute(
            f"INSERT INTO license_history ({_COLUMNS})"  # noqa: S608
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL, NULL)",
            [
                made.jti,
                made.customer_id,
                made.token,
                made.kid,
                Jsonb(made.claims),
                made.issued_at,
                made.expires_at,
                made.reason,
            ],
        )

    async def revoke(self, customer_id: str, reason: str, now: datetime) -> list[str]:
        """Call back every license of the customer; return the ids of those that weren't yet."""
        cursor = await self._connection.execute(
            "UPDATE license_history SET revoked_at = %s, revoke_reason = %s"
            " WHERE customer_id = %s AND revoked_at IS NULL RETURNING jti",
            [now, reason, customer_id],
        )
        revoked = [row[0] for row in await cursor.fetchall()]
        if revoked:
            await self._connection.execute("UPDATE license_revocations SET seq = seq + 1")
        return revoked

    async def revocation_number(self) -> int:
        """Return the number of the current list of revocations."""
        cursor = await self._connection.execute("SELECT seq FROM license_revocations")
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def revoked(self, now: datetime, kept: timedelta) -> list[str]:
        """Return the ids of licenses that were called back and ended at most ``kept`` ago."""
        cursor = await self._connection.execute(
            "SELECT jti FROM license_history"
            " WHERE revoked_at IS NOT NULL AND expires_at > %s ORDER BY jti",
            [now - kept],
        )
        return [row[0] for row in await cursor.fetchall()]

    async def is_revoked(self, jti: str) -> bool:
        """Tell whether the license was called back."""
        cursor = await self._connection.execute(
            "SELECT 1 FROM license_history WHERE jti = %s AND revoked_at IS NOT NULL", [jti]
        )
        return await cursor.fetchone() is not None

    async def _all(self, sql: str, parameters: list[Any]) -> list[StoredLicense]:
        async with self._connection.cursor(row_factory=class_row(StoredLicense)) as cursor:
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall()
