"""Invitations by the SHA-256 of their token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from iotistic_tenant_api.domain.invitations import Invitation

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresInvitations"]

_VIEW = "id::text AS id, email, role, created_by, created_at, expires_at"
_OPEN = "used_at IS NULL AND revoked_at IS NULL AND expires_at > %(now)s"


class PostgresInvitations:
    """Open invitations: neither used, revoked nor expired."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, invitation: Invitation, token_hash: bytes) -> None:
        """Store a new invitation."""
        await self._connection.execute(
            """INSERT INTO invitations
                   (id, email, role, token_hash, created_by, created_at, expires_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            (invitation.id, invitation.email, str(invitation.role), token_hash,
             invitation.created_by, invitation.created_at, invitation.expires_at),
        )  # fmt: skip

    async def by_token(
        self, token_hash: bytes, now: datetime, *, lock: bool = False
    ) -> Invitation | None:
        """Return the open invitation of a token."""
        found = await self._some(
            f"token_hash = %(hash)s {'FOR UPDATE' if lock else ''}", {"hash": token_hash}, now
        )
        return found[0] if found else None

    async def page(self, after: str | None, limit: int, now: datetime) -> list[Invitation]:
        """Return open invitations by id."""
        return await self._some(
            "(%(after)s::uuid IS NULL OR id > %(after)s::uuid) ORDER BY id LIMIT %(limit)s",
            {"after": after, "limit": limit},
            now,
        )

    async def get(self, invitation_id: str, now: datetime) -> Invitation | None:
        """Return the open invitation, locked."""
        found = await self._some("id = %(id)s FOR UPDATE", {"id": invitation_id}, now)
        return found[0] if found else None

    async def of_email(self, email: str, now: datetime) -> list[Invitation]:
        """Return the open ones of an address."""
        return await self._some("email = %(email)s", {"email": email}, now)

    async def _some(
        self, condition: str, values: dict[str, Any], now: datetime
    ) -> list[Invitation]:
        async with self._connection.cursor(row_factory=class_row(Invitation)) as cursor:
            await cursor.execute(
                f"SELECT {_VIEW} FROM invitations WHERE {_OPEN} AND {condition}",  # noqa: S608
                {**values, "now": now},
            )
            return await cursor.fetchall()

    async def count(self, now: datetime) -> int:
        """Return how many are open."""
        cursor = await self._connection.execute(
            f"SELECT count(*) FROM invitations WHERE {_OPEN}",  # noqa: S608 - constant
            {"now": now},
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def use(self, invitation_id: str, at: datetime) -> None:
        """Note that somebody accepted."""
        await self._connection.execute(
            "UPDATE invitations SET used_at = %s WHERE id = %s", (at, invitation_id)
        )

    async def revoke(self, invitation_id: str, at: datetime) -> None:
        """Void one."""
        await self._connection.execute(
            "UPDATE invitations SET revoked_at = %s WHERE id = %s", (at, invitation_id)
        )

    async def revoke_of_email(self, email: str, at: datetime) -> None:
        """Void the open ones of an address: a new one takes their place."""
        await self._revoke("email = %(value)s", email, at)

    async def revoke_by(self, creator: str, at: datetime) -> None:
        """Void the open ones that somebody made."""
        await self._revoke("created_by = %(value)s", creator, at)

    async def _revoke(self, condition: str, value: str, at: datetime) -> None:
        await self._connection.execute(
            f"UPDATE invitations SET revoked_at = %(now)s WHERE {_OPEN} AND {condition}",  # noqa: S608
            {"now": at, "value": value},
        )

    async def forget(self, before: datetime) -> int:
        """Remove those that ended before; the number of rows removed."""
        cursor = await self._connection.execute(
            "DELETE FROM invitations WHERE expires_at < %s", (before,)
        )
        return cursor.rowcount
