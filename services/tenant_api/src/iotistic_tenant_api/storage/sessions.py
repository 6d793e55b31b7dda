"""People's sessions and their refresh tokens; tokens are known by their SHA-256 only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["LiveSession", "PostgresSessions", "ShownRefresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """A session that hasn't ended, of a user who may come in."""

    id: str
    access_hash: bytes = field(repr=False)
    access_until: datetime
    user_id: str
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRefresh:
    """A refresh token as it stands; `alive` tells of its session and user."""

    session_id: str
    user_id: str
    used_at: datetime | None
    expires_at: datetime
    access_until: datetime
    alive: bool


class PostgresSessions:
    """Sessions by id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def live(self, session_id: str) -> LiveSession | None:
        """Return the session with its user, None when one of them has ended."""
        async with self._connection.cursor(row_factory=class_row(LiveSession)) as cursor:
            await cursor.execute(
                """SELECT s.id::text AS id, s.access_hash, s.access_until,
                          u.id::text AS user_id, u.email, u.name, u.role
                   FROM sessions s JOIN users u ON u.id = s.user_id
                   WHERE s.id = %s AND s.ended_at IS NULL
                     AND u.disabled_at IS NULL AND u.removed_at IS NULL""",
                (session_id,),
            )
            return await cursor.fetchone()

    async def add(
        self, session_id: str, user_id: str, *, address: str, user_agent: str, at: datetime
    ) -> None:
        """Begin a session; `renew` gives it its tokens."""
        await self._connection.execute(
            """INSERT INTO sessions (id, user_id, access_hash, access_until, created_at,
                                     last_used_at, address, user_agent)
               VALUES (%s, %s, '', %s, %s, %s, %s, %s)""",
            (session_id, user_id, at, at, at, address, user_agent),
        )

    async def renew(  # noqa: PLR0913 - one row each of two tables
        self,
        session_id: str,
        *,
        access_hash: bytes,
        access_until: datetime,
        refresh_hash: bytes,
        refresh_until: datetime,
        at: datetime,
    ) -> None:
        """Give the session a new access token, the only one from now on, and a refresh token."""
        await self._connection.execute(
            """UPDATE sessions SET access_hash = %s, access_until = %s, last_used_at = %s
               WHERE id = %s""",
            (access_hash, access_until, at, session_id),
        )
        await self._connection.execute(
            """INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at)
               VALUES (%s, %s, %s, %s)""",
            (refresh_hash, session_id, at, refresh_until),
        )

    async def shown(self, session_id: str, digest: bytes) -> ShownRefresh | None:
        """Return a refresh token of this session, both locked; None when there is none such."""
        async with self._connection.cursor(row_factory=class_row(ShownRefresh)) as cursor:
            await cursor.execute(
                """SELECT s.id::text AS session_id, s.user_id::text AS user_id, r.used_at,
                          r.expires_at, s.access_until,
                          s.ended_at IS NULL AND u.disabled_at IS NULL AND u.removed_at IS NULL
                              AS alive
                   FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id
                   JOIN users u ON u.id = s.user_id
                   WHERE r.hash = %s AND r.session_id = %s FOR UPDATE OF s, r""",
                (digest, session_id),
            )
            return await cursor.fetchone()

    async def use(self, digest: bytes, at: datetime) -> None:
        """Note that a refresh token was used."""
        await self._connection.execute(
            "UPDATE refresh_tokens SET used_at = %s WHERE hash = %s", (at, digest)
        )

    async def is_unused(self, digest: bytes) -> bool:
        """Tell whether this refresh token is there and was never used."""
        cursor = await self._connection.execute(
            "SELECT 1 FROM refresh_tokens WHERE hash = %s AND used_at IS NULL", (digest,)
        )
        return await cursor.fetchone() is not None

    async def addresses(self, email: str) -> list[str]:
        """Return where the user of an e-mail address began sessions that are remembered."""
        cursor = await self._connection.execute(
            """SELECT DISTINCT s.address FROM sessions s JOIN users u ON u.id = s.user_id
               WHERE u.email = %s AND u.removed_at IS NULL""",
            (email,),
        )
        return [address for (address,) in await cursor.fetchall()]

    async def end(self, session_id: str, user_id: str, at: datetime) -> bool:
        """End one session of a user; False when it isn't there, or has ended."""
        cursor = await self._connection.execute(
            """UPDATE sessions SET ended_at = %s
               WHERE id = %s AND user_id = %s AND ended_at IS NULL""",
            (at, session_id, user_id),
        )
        return cursor.rowcount == 1

    async def end_all(self, user_id: str, at: datetime, *, but: str | None = None) -> int:
        """End a user's sessions, all or all but one; how many those were."""
        cursor = await self._connection.execute(
            """UPDATE sessions SET ended_at = %s
               WHERE user_id = %s AND ended_at IS NULL AND id IS DISTINCT FROM %s::uuid""",
            (at, user_id, but),
        )
        return cursor.rowcount

    async def of_user(self, user_id: str, since: datetime) -> list[dict[str, Any]]:
        """Return a user's sessions that were used after `since`, newest first."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """SELECT id::text AS id, created_at, last_used_at, address, user_agent
                   FROM sessions WHERE user_id = %s AND ended_at IS NULL AND last_used_at > %s
                   ORDER BY last_used_at DESC, id LIMIT 1000""",
                (user_id, since),
            )
            return await cursor.fetchall()

    async def forget(self, now: datetime, since: datetime) -> int:
        """Remove sessions that ended, and those whose last token expired; the rows removed."""
        cursor = await self._connection.execute(
            "DELETE FROM sessions WHERE ended_at < %s OR last_used_at < %s", (since, since)
        )
        removed = cursor.rowcount
        cursor = await self._connection.execute(
            "DELETE FROM refresh_tokens WHERE expires_at < %s", (now,)
        )
        return removed + cursor.rowcount
