"""Measured values of devices, for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["KEPT", "PostgresMetrics"]

KEPT = timedelta(hours=24)


class PostgresMetrics:
    """Numbers by device and time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, uuid: str, at: datetime, numbers: Mapping[str, float]) -> None:
        """Store what a device measured at `at`."""
        await self._connection.execute(
            "INSERT INTO device_metrics (device_uuid, at, metrics) VALUES (%s, %s, %s)",
            (uuid, at, Jsonb(dict(numbers))),
        )

    async def add_all(
        self, uuid: str, measured: Iterable[tuple[datetime, Mapping[str, float]]]
    ) -> None:
        """Store what a device measured at several times."""
        async with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY device_metrics (device_uuid, at, metrics) FROM STDIN") as copy,
        ):
            for at, numbers in measured:
                await copy.write_row((uuid, at, Jsonb(dict(numbers))))

    async def forget(self, now: datetime) -> int:
        """Remove what is older than a day; return how much that was."""
        cursor = await self._connection.execute(
            "DELETE FROM device_metrics WHERE at < %s", (now - KEPT,)
        )
        return cursor.rowcount

    async def series(
        self, uuid: str, names: Sequence[str], begin: datetime, end: datetime, points: int
    ) -> dict[str, list[tuple[datetime, float]]]:
        """Return at most `points` of each name, oldest first: means of equal parts of the time."""
        step = max((end - begin).total_seconds() / points, 0.001)
        cursor = await self._connection.execute(
            """SELECT one.key, min(m.at), avg(one.value::double precision)
               FROM device_metrics m, jsonb_each_text(m.metrics) AS one
               WHERE m.device_uuid = %(uuid)s AND m.at >= %(begin)s AND m.at < %(end)s
                 AND one.key = ANY(%(names)s)
               GROUP BY one.key,
                        least(floor(extract(epoch FROM m.at - %(begin)s) / %(step)s), %(last)s)
               ORDER BY one.key, 2""",
            {"uuid": uuid, "names": list(names), "begin": begin, "end": end, "step": step,
             "last": points - 1},
        )  # fmt: skip
        found: dict[str, list[tuple[datetime, float]]] = {name: [] for name in names}
        for name, at, value in await cursor.fetchall():
            found[name].append((at, value))
        return found
