"""Orders and their numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from iotistic_tenant_api.domain.orders import Given

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["PostgresOrders"]

_COLUMNS = """id::text AS id, device_uuid::text AS device_uuid, registration::text AS registration,
    kind, counter, version, sha256, allow_downgrade, not_before, expires, token, status, exit_code,
    output, created_at, created_by, changed_at"""


class PostgresOrders:
    """Who changes a device's orders locks the device before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def registration(self, uuid: str) -> str | None:
        """Lock a device, and return its newest registration; None before it has one."""
        cursor = await self._connection.execute(
            """SELECT newest_registration::text FROM devices
               WHERE uuid = %s AND deleted_at IS NULL FOR NO KEY UPDATE""",
            (uuid,),
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def known(self, uuid: str) -> bool:
        """Return whether this uuid is a device here."""
        cursor = await self._connection.execute(
            "SELECT EXISTS (SELECT FROM devices WHERE uuid = %s AND deleted_at IS NULL)", (uuid,)
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def next_counter(self, uuid: str, kind: str) -> int:
        """Return a number that no order of this device and kind had before."""
        cursor = await self._connection.execute(
            """INSERT INTO order_counters (device_uuid, kind, counter) VALUES (%s, %s, 1)
               ON CONFLICT (device_uuid, kind) DO UPDATE SET counter = order_counters.counter + 1
               RETURNING counter""",
            (uuid, kind),
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 1

    async def taken(self, uuid: str, kind: str) -> int:
        """Return the highest number that the device is known to have taken."""
        cursor = await self._connection.execute(
            "SELECT taken FROM order_counters WHERE device_uuid = %s AND kind = %s", (uuid, kind)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def take(self, given: Given) -> None:
        """Note that the device has taken an order of this number."""
        await self._connection.execute(
            """UPDATE order_counters SET taken = greatest(taken, %s)
               WHERE device_uuid = %s AND kind = %s""",
            (given.counter, given.device_uuid, given.kind),
        )

    async def add(self, given: Given) -> None:
        """Keep a new order."""
        await self._connection.execute(
            """INSERT INTO orders (id, device_uuid, registration, kind, counter, version, sha256,
                   allow_downgrade, not_before, expires, token, status, exit_code, output,
                   created_at, created_by, changed_at)
               VALUES (%(id)s, %(device_uuid)s, %(registration)s, %(kind)s, %(counter)s,
                   %(version)s, %(sha256)s, %(allow_downgrade)s, %(not_before)s, %(expires)s,
                   %(token)s, %(status)s, %(exit_code)s, %(output)s, %(created_at)s,
                   %(created_by)s, %(changed_at)s)""",
            asdict(given),
        )

    async def change(self, given: Given) -> None:
        """Keep number, token and status of an order as they are now."""
        await self._connection.execute(
            """UPDATE orders SET counter = %(counter)s, token = %(token)s, status = %(status)s,
                   not_before = %(not_before)s, expires = %(expires)s,
                   exit_code = %(exit_code)s, output = %(output)s, changed_at = %(changed_at)s
               WHERE id = %(id)s""",
            asdict(given),
        )

    async def get(self, uuid: str, order_id: str) -> Given | None:
        """Return one order of a device."""
        async with self._connection.cursor(row_factory=class_row(Given)) as cursor:
            await cursor.execute(
                f"SELECT {_COLUMNS} FROM orders WHERE device_uuid = %s AND id::text = %s",  # noqa: S608 - our own names
                (uuid, order_id),
            )
            return await cursor.fetchone()

    async def open(self, uuid: str) -> list[Given]:
        """Return what is still to be done, oldest first."""
        async with self._connection.cursor(row_factory=class_row(Given)) as cursor:
            await cursor.execute(
                f"""SELECT {_COLUMNS} FROM orders
                    WHERE device_uuid = %s AND status IN ('waiting', 'running')
                    ORDER BY created_at, counter""",  # noqa: S608 - our own names
                (uuid,),
            )
            return await cursor.fetchall()

    async def has_open(self, uuid: str) -> bool:
        """Return whether anything is still to be done; locks nothing."""
        cursor = await self._connection.execute(
            """SELECT EXISTS (SELECT FROM orders WHERE device_uuid = %s
                   AND status IN ('waiting', 'running'))""",
            (uuid,),
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def newest(self, uuid: str, limit: int) -> list[Given]:
        """Return a device's orders, newest first."""
        async with self._connection.cursor(row_factory=class_row(Given)) as cursor:
            await cursor.execute(
                f"""SELECT {_COLUMNS} FROM orders WHERE device_uuid = %s
                    ORDER BY created_at DESC, counter DESC LIMIT %s""",  # noqa: S608 - our own names
                (uuid, limit),
            )
            return await cursor.fetchall()

    async def to_announce(self, now: datetime, limit: int) -> list[Given]:
        """Return orders of which no message was sent yet, oldest first."""
        async with self._connection.cursor(row_factory=class_row(Given)) as cursor:
            await cursor.execute(
                f"""SELECT {_COLUMNS} FROM orders
                    WHERE announced_at IS NULL AND status = 'waiting' AND expires > %s
                    ORDER BY created_at LIMIT %s""",  # noqa: S608 - our own names
                (now, limit),
            )
            return await cursor.fetchall()

    async def announced(self, orders: Sequence[Given], at: datetime) -> None:
        """Note that the broker has taken their messages."""
        await self._connection.execute(
            "UPDATE orders SET announced_at = %s WHERE id = ANY(%s::uuid[])",
            (at, [one.id for one in orders]),
        )
