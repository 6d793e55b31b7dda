"""What lets people and tenants in: sessions, API keys, and counts of attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from iotistic_kit.db import Connection

__all__ = ["Answered", "PostgresAccounts", "PostgresAudit"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a request with an Idempotency-Key, and the fingerprint of its body."""

    body_hash: bytes
    answer: dict[str, Any]


class PostgresAccounts:
    """Credentials and attempts, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_session(self, token_hash: bytes, customer_id: str, until: datetime) -> None:
        """Store a session."""
        await self._connection.execute(
            "INSERT INTO sessions (token_hash, customer_id, expires_at) VALUES (%s, %s, %s)",
            [token_hash, customer_id, until],
        )

    async def session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the customer of a session that hasn't ended."""
        return await self._text(
            "SELECT customer_id FROM sessions WHERE token_hash = %s AND expires_at > %s",
            [token_hash, now],
        )

    async def add_api_key(
        self, key_id: str, customer_id: str, secret_hash: bytes, now: datetime
    ) -> None:
        """Store a tenant's API key; the same one again changes nothing."""
        await self._connection.execute(
            "INSERT INTO api_keys (id, customer_id, generation, secret_hash, created_at)"
            " VALUES (%s, %s, 1, %s, %s) ON CONFLICT DO NOTHING",
            [key_id, customer_id, secret_hash, now],
        )

    async def api_key(self, key_id: str) -> tuple[str, bytes] | None:
        """Return customer and secret's hash of a key that is in force."""
        cursor = await self._connection.execute(
            "SELECT customer_id, secret_hash FROM api_keys WHERE id = %s AND revoked_at IS NULL",
            [key_id],
        )
        row = await cursor.fetchone()
        return (row[0], bytes(row[1])) if row else None

    async def count_attempt(
        self, action: str, source: str, now: datetime, window: timedelta, limit: int
    ) -> datetime | None:
        """Count one more attempt; None when it may go on, else when the next one may."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{action} {source}"]
        )
        cursor = await self._connection.execute(
            "SELECT at FROM attempts WHERE action = %s AND source = %s AND at > %s"
            " ORDER BY at DESC LIMIT %s",
            [action, source, now - window, limit],
        )
        recent = [row[0] for row in await cursor.fetchall()]
        if len(recent) >= limit:
            oldest: datetime = recent[-1]
            return oldest + window
        await self._connection.execute(
            "INSERT INTO attempts (action, source, at) VALUES (%s, %s, %s)", [action, source, now]
        )
        return None

    async def reserve_answer(
        self, route: str, key: str, body_hash: bytes, now: datetime
    ) -> Answered | None:
        """Take the key for this transaction, None; or return what was answered before."""
        cursor = await self._connection.execute(
            "INSERT INTO idempotency_keys (route, key, body_hash, answer, at)"
            " VALUES (%s, %s, %s, '{}', %s) ON CONFLICT DO NOTHING RETURNING key",
            [route, key, body_hash, now],
        )
        if await cursor.fetchone():
            return None
        return await self.answered(route, key)

    async def answered(self, route: str, key: str) -> Answered | None:
        """Return what was answered to this key, or None."""
        cursor = await self._connection.execute(
            "SELECT body_hash, answer FROM idempotency_keys WHERE route = %s AND key = %s",
            [route, key],
        )
        row = await cursor.fetchone()
        return Answered(bytes(row[0]), row[1]) if row else None

    async def keep_answer(self, route: str, key: str, answer: dict[str, Any]) -> None:
        """Store the answer, which holds no secret."""
        await self._connection.execute(
            "UPDATE idempotency_keys SET answer = %s WHERE route = %s AND key = %s",
            [Jsonb(answer), route, key],
        )

    async def forget(self, now: datetime, kept: timedelta) -> None:
        """Remove what is over: answers and attempts older than ``kept``, ended sessions."""
        for table in (b"idempotency_keys", b"attempts"):
            await self._connection.execute(
                b"DELETE FROM " + table + b" WHERE at < %s", [now - kept]
            )
        await self._connection.execute("DELETE FROM sessions WHERE expires_at < %s", [now])

    async def _text(self, sql: str, parameters: list[Any]) -> str | None:
        cursor = await self._connection.execute(sql.encode(), parameters)
        row = await cursor.fetchone()
        return row[0] if row else None


class PostgresAudit:
    """Who did what, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def note(
        self, at: datetime, actor: str, action: str, customer_id: str | None, **facts: object
    ) -> None:
        """Write one line; ``facts`` hold no secret."""
        await self._connection.execute(
            "INSERT INTO audit_log (at, actor, action, customer_id, facts)"
            " VALUES (%s, %s, %s, %s, %s)",
            [at, actor, action, customer_id, Jsonb(facts)],
        )
