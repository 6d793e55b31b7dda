"""The audit log, as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresAuditLog"]


class PostgresAuditLog:
    """Lines by id, newest first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page(
        self, *, before: int | None, limit: int, actor: str | None, action: str | None
    ) -> list[dict[str, Any]]:
        """Return up to `limit` lines; a person's `actor_name` is the e-mail, of a removed one too.

        Another actor is its own name.
        """
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """SELECT a.id::text AS id, a.at, a.actor, coalesce(u.email, a.actor) AS actor_name,
                          a.action, a.subject, a.detail
                   FROM (SELECT * FROM audit_log
                         WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
                           AND (%(actor)s::text IS NULL OR actor = %(actor)s)
                           AND (%(action)s::text IS NULL OR action = %(action)s)
                         ORDER BY id DESC LIMIT %(limit)s) a
                   LEFT JOIN users u ON u.id::text = a.actor ORDER BY a.id DESC""",
                {"before": before, "limit": limit, "actor": actor, "action": action},
            )
            return await cursor.fetchall()
