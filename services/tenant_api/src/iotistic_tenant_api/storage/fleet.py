"""Devices with what they report and should run: lists, one device, the overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Filter", "PostgresFleet"]

ATTENTION_AFTER = {"outdated": timedelta(minutes=5), "never_seen": timedelta(hours=1)}
MOST_IN_NEED = 20

# Each row's conditions; a device is online, offline or never seen, the others come on top.
_DEVICES = """
    FROM devices d
    LEFT JOIN device_target_state t ON t.device_uuid = d.uuid
    CROSS JOIN LATERAL (
        SELECT d.last_seen_at IS NULL AS never_seen,
               coalesce(d.last_seen_at > %(now)s::timestamptz
                   - 3 * coalesce(nullif(d.poll_interval_ms, 0), 30000) * interval '1 ms',
                   false) AS online,
               coalesce(d.report_status IN ('failed', 'rolled_back') OR d.services_failing > 0,
                   false) AS failing,
               d.last_seen_at IS NOT NULL AND coalesce(t.version, 0) > 0
                   AND d.applied_version IS DISTINCT FROM t.version AS outdated
    ) AS is_
    WHERE d.deleted_at IS NULL"""
_USED_BY_ALL = """
    d.uuid, d.name, d.agent_version, d.last_seen_at, d.created_at, is_.online, is_.never_seen,
    is_.failing, is_.outdated, coalesce(t.version, 0) AS target_version,
    t.changed_at AS target_changed_at, d.applied_version, d.failure, d.failing_since,
    d.services_running"""
_RANK = """CASE WHEN {failing} THEN 0 WHEN {never_seen} THEN 3 WHEN NOT {online} THEN 1
    WHEN {outdated} THEN 2 ELSE 4 END AS rank"""
_CONDITIONS = ("failing", "never_seen", "online", "outdated")
_FLEET = f"""
    SELECT {_USED_BY_ALL}, d.device_type, d.fleet, d.tags, d.registered_at, d.reregister_until,
           d.mac_address, d.os_version, d.poll_interval_ms, d.keys_revoked_at,
           d.report_status, d.services_total,
           NOT is_.never_seen AND NOT is_.online AS offline,
           {_RANK.format_map({name: f"is_.{name}" for name in _CONDITIONS})}
    {_DEVICES}"""
_STATUS = "(ARRAY['failing', 'offline', 'outdated', 'never_seen', 'online'])[rank + 1] AS status"
_OVERVIEW = f"""
    WITH conditions AS MATERIALIZED (
        SELECT {_USED_BY_ALL}, d.services_stopped, d.services_paused, d.services_failing
        {_DEVICES}
    ),
    fleet AS (
        SELECT conditions.*, {_RANK.format_map({name: name for name in _CONDITIONS})}
        FROM conditions
    ),
    needy AS (
        SELECT uuid, name, rank, failure, applied_version, target_version,
               (ARRAY[failing_since, last_seen_at, target_changed_at, created_at])[rank + 1]
                   AS since
        FROM fleet
        WHERE rank IN (0, 1) OR (rank = 2 AND target_changed_at <= %(outdated_since)s)
           OR (rank = 3 AND created_at <= %(never_seen_since)s)
        ORDER BY rank, since, uuid LIMIT {MOST_IN_NEED}
    ),
    versions AS (
        SELECT agent_version, count(*) AS count FROM conditions WHERE agent_version IS NOT NULL
        GROUP BY agent_version ORDER BY count DESC, agent_version LIMIT 50
    )
    SELECT count(*) AS total, count(*) FILTER (WHERE online) AS online,
           count(*) FILTER (WHERE NOT never_seen AND NOT online) AS offline,
           count(*) FILTER (WHERE never_seen) AS never_seen,
           count(*) FILTER (WHERE outdated) AS outdated,
           count(*) FILTER (WHERE failing) AS failing,
           coalesce(sum(services_running), 0) AS services_running,
           coalesce(sum(services_stopped), 0) AS services_stopped,
           coalesce(sum(services_paused), 0) AS services_paused,
           coalesce(sum(services_failing), 0) AS services_failing,
           (SELECT coalesce(jsonb_agg(to_jsonb(needy) ORDER BY rank, since, uuid), '[]')
            FROM needy) AS needy,
           (SELECT coalesce(jsonb_agg(to_jsonb(versions) ORDER BY count DESC, agent_version), '[]')
            FROM versions) AS versions
    FROM conditions"""  # noqa: S608 - constants
_WITH_UUID_AS_TEXT = "SELECT fleet.*, fleet.uuid::text AS uuid_text, " + _STATUS
_MATCHES = """(name ILIKE %(q)s OR uuid::text ILIKE %(q)s OR device_type ILIKE %(q)s
    OR EXISTS (SELECT FROM jsonb_each_text(tags) AS tag
               WHERE tag.key || '=' || tag.value ILIKE %(q)s))"""
_ORDERS = {
    "name": 'lower(name) COLLATE "C"',
    "status": "rank",
    "lastSeen": "last_seen_at",
    "version": "applied_version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which devices, and in which order: `sort` is a name of the wire, `-` before it descending.

    Without `sort` they come by uuid; what is unknown of a device comes last either way.
    """

    q: str = ""
    status: str | None = None
    sort: str | None = None


class PostgresFleet:
    """Everything that is read of devices as of `now`."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    async def view(self, uuid: str) -> dict[str, Any] | None:
        """Return what people see of a device."""
        rows = await self._rows("uuid = %(uuid)s::uuid", "uuid", {"uuid": uuid, "limit": 1})
        return rows[0] if rows else None

    async def page(
        self, wanted: Filter, limit: int, *, after: str | None = None, offset: int = 0
    ) -> list[dict[str, Any]]:
        """Return up to `limit` devices of `wanted`: those past a uuid, or past so many."""
        where, arguments = _where(wanted)
        if after is not None:
            where, arguments = f"{where} AND uuid > %(after)s::uuid", {**arguments, "after": after}
        return await self._rows(
            where, _order(wanted.sort), {**arguments, "limit": limit, "offset": offset}
        )

    async def count(self, wanted: Filter) -> int:
        """Return how many devices `wanted` means."""
        where, arguments = _where(wanted)
        cursor = await self._connection.execute(
            sql.SQL(f"SELECT count(*) FROM ({_FLEET}) AS fleet WHERE {where}"),  # noqa: S608
            {**arguments, "now": self._now},
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def overview(self) -> dict[str, Any]:
        """Return the counts, `needy` devices (worst first) and `versions`, from one query."""
        since = {f"{name}_since": self._now - after for name, after in ATTENTION_AFTER.items()}
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.SQL(_OVERVIEW), {"now": self._now, **since})
            row = await cursor.fetchone()
        return row or {}

    async def _rows(
        self, where: str, order: str, arguments: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        statement = (
            f"{_WITH_UUID_AS_TEXT} FROM ({_FLEET}) AS fleet WHERE {where}"
            f" ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s"
        )
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.SQL(statement), {"offset": 0, **arguments, "now": self._now})
            rows = await cursor.fetchall()
        return [row | {"uuid": row["uuid_text"]} for row in rows]


def _where(wanted: Filter) -> tuple[str, dict[str, Any]]:
    """Return a condition of constants, and its arguments."""
    conditions, arguments = ["true"], {}
    if wanted.q:
        conditions.append(_MATCHES)
        arguments["q"] = f"%{_literally(wanted.q)}%"
    if wanted.status in {"online", "offline", "never_seen", "outdated", "failing"}:
        conditions.append(str(wanted.status))
    return " AND ".join(conditions), arguments


def _order(sort: str | None) -> str:
    if sort is None:
        return "uuid"
    direction = "DESC" if sort.startswith("-") else "ASC"
    return f"{_ORDERS[sort.removeprefix('-')]} {direction} NULLS LAST, uuid"


def _literally(text: str) -> str:
    for character in "\\%_":
        text = text.replace(character, f"\\{character}")
    return text
