"""What a browser may look at, and the links that prove an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.db import Connection

__all__ = ["Pending", "PostgresVerifications", "PostgresVisits", "Visit"]


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser after a sign-up; without a customer the address belonged to one already."""

    customer_id: str | None
    email: str


@dataclass(frozen=True, slots=True)
class Pending:
    """An address that its link may prove."""

    customer_id: str
    email: str
    company_name: str


class PostgresVisits:
    """Visits, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token_hash: bytes, visit: Visit, until: datetime) -> None:
        """Store a visit; without its customer when another sign-up took its place meanwhile."""
        await self._connection.execute(
            "INSERT INTO visits (token_hash, customer_id, email, expires_at)"
            " VALUES (%s, (SELECT id FROM customers WHERE id = %s FOR KEY SHARE), %s, %s)",
            [token_hash, visit.customer_id, visit.email, until],
        )

    async def get(self, token_hash: bytes, now: datetime) -> Visit | None:
        """Return a visit that hasn't ended."""
        async with self._connection.cursor(row_factory=class_row(Visit)) as cursor:
            await cursor.execute(
                "SELECT customer_id, email FROM visits WHERE token_hash = %s AND expires_at > %s",
                [token_hash, now],
            )
            return await cursor.fetchone()

    async def forget(self, now: datetime) -> None:
        """Remove what has ended."""
        await self._connection.execute("DELETE FROM visits WHERE expires_at <= %s", [now])


class PostgresVerifications:
    """Links that prove an address, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(
        self, token_hash: bytes, customer_id: str, email: str, now: datetime, until: datetime
    ) -> None:
        """Store a link's hash in place of the one before."""
        await self._connection.execute(
            """INSERT INTO email_verifications AS v
                   (customer_id, token_hash, email, created_at, expires_at)
               VALUES (%s, %s, %s, %s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET token_hash = excluded.token_hash,
                   email = excluded.email, created_at = excluded.created_at,
                   expires_at = excluded.expires_at, used_at = NULL""",
            [customer_id, token_hash, email, now, until],
        )

    async def made_at(self, customer_id: str) -> datetime | None:
        """Return when the newest link was made."""
        cursor = await self._connection.execute(
            "SELECT created_at FROM email_verifications WHERE customer_id = %s", [customer_id]
        )
        row = await cursor.fetchone()
        return row[0] if row else None

    async def pending(self, token_hash: bytes, now: datetime) -> Pending | None:
        """Return what a link proves, None when it was used, is over, or was never made."""
        async with self._connection.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                """SELECT v.customer_id, v.email, c.company_name
                     FROM email_verifications v JOIN customers c ON c.id = v.customer_id
                    WHERE v.token_hash = %s AND v.used_at IS NULL AND v.expires_at > %s
                      AND c.email = v.email""",
                [token_hash, now],
            )
            return await cursor.fetchone()

    async def use(self, token_hash: bytes, now: datetime) -> str | None:
        """Use a link up and note that the address is proved; return the customer, or None."""
        cursor = await self._connection.execute(
            """WITH used AS (
                   UPDATE email_verifications SET used_at = %(now)s
                    WHERE token_hash = %(hash)s AND used_at IS NULL AND expires_at > %(now)s
                   RETURNING customer_id, email)
               UPDATE customers c SET email_verified_at = %(now)s, updated_at = %(now)s
                 FROM used WHERE c.id = used.customer_id AND c.email = used.email
               RETURNING c.id""",
            {"hash": token_hash, "now": now},
        )
        row = await cursor.fetchone()
        return row[0] if row else None
