"""Mail that waits, and the owner's invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from iotistic_billing.domain.mail import MailKind

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from iotistic_kit.db import Connection

__all__ = ["PostgresInvitations", "PostgresOutbox", "WaitingMail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMail:
    """A mail that is neither sent nor dropped; ``sealed`` is what it says."""

    id: UUID
    kind: MailKind
    recipient: str
    sealed: bytes
    created_at: datetime
    expires_at: datetime


class PostgresOutbox:
    """The outbox, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, mail: WaitingMail, customer_id: str) -> None:
        """Store a mail."""
        await self._connection.execute(
            "INSERT INTO outbox (id, kind, customer_id, recipient, sealed, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                mail.id,
                str(mail.kind),
                customer_id,
                mail.recipient,
                mail.sealed,
                mail.created_at,
                mail.expires_at,
            ],
        )

    async def waiting(self, mail_id: UUID) -> WaitingMail | None:
        """Return a mail that waits, None when it was sent, dropped, or went with its customer."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                "SELECT id, kind, recipient, sealed, created_at, expires_at FROM outbox"
                " WHERE id = %s AND sealed IS NOT NULL",
                [mail_id],
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        return WaitingMail(**row | {"kind": MailKind(row["kind"]), "sealed": bytes(row["sealed"])})

    async def sent(self, mail_id: UUID, now: datetime) -> None:
        """Note that a mail has gone, and forget what it said."""
        await self._connection.execute(
            "UPDATE outbox SET sent_at = %s, sealed = NULL WHERE id = %s AND sealed IS NOT NULL",
            [now, mail_id],
        )

    async def forget(self, now: datetime, kept: timedelta) -> None:
        """Drop what came too late to be of use; remove what ended longer ago than ``kept``."""
        await self._connection.execute(
            "UPDATE outbox SET dropped_at = %s, sealed = NULL"
            " WHERE sealed IS NOT NULL AND expires_at <= %s",
            [now, now],
        )
        await self._connection.execute(
            "DELETE FROM outbox WHERE coalesce(sent_at, dropped_at) < %s", [now - kept]
        )


class PostgresInvitations:
    """The owner's invitation of each tenant, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, customer_id: str, now: datetime) -> bool:
        """Note that a tenant is to get one; False when it was, or nobody can be invited."""
        cursor = await self._connection.execute(
            "INSERT INTO owner_invitations (customer_id, asked_at)"
            " SELECT id, %s FROM customers WHERE id = %s AND email IS NOT NULL"
            " ON CONFLICT DO NOTHING",
            [now, customer_id],
        )
        return cursor.rowcount == 1

    async def is_open(self, customer_id: str) -> bool:
        """Tell whether one is asked for and neither mailed nor needless; hold it if so."""
        cursor = await self._connection.execute(
            "SELECT FROM owner_invitations WHERE customer_id = %s AND outcome IS NULL FOR UPDATE",
            [customer_id],
        )
        return await cursor.fetchone() is not None

    async def end(
        self, customer_id: str, outcome: str, now: datetime, mail_id: UUID | None = None
    ) -> None:
        """Note how it ended: ``mailed`` or ``owner_exists``."""
        await self._connection.execute(
            "UPDATE owner_invitations SET outcome = %s, ended_at = %s, mail_id = %s"
            " WHERE customer_id = %s",
            [outcome, now, mail_id, customer_id],
        )

    async def is_out(self, customer_id: str) -> bool:
        """Tell whether the mail has gone, or none is needed."""
        cursor = await self._connection.execute(
            "SELECT FROM owner_invitations i LEFT JOIN outbox o ON o.id = i.mail_id"
            " WHERE i.customer_id = %s AND i.outcome IS NOT NULL"
            " AND (o.id IS NULL OR o.sent_at IS NOT NULL)",
            [customer_id],
        )
        return await cursor.fetchone() is not None

    async def forget(self, customer_id: str) -> None:
        """Forget a removed tenant's, so that the next tenant gets its own."""
        await self._connection.execute(
            "DELETE FROM owner_invitations WHERE customer_id = %s", [customer_id]
        )
