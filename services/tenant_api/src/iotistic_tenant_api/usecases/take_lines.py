"""Take a batch of a lane: each line once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.lanes import Lane
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.fleet import numbers_of
from iotistic_tenant_api.domain.lanes import CLOCKS_DIFFER, event_of, sift
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.lanes import PostgresLogs, PostgresReadings
from iotistic_tenant_api.storage.metrics import KEPT, PostgresMetrics
from iotistic_tenant_api.storage.reports import STREAMS_KEPT, PostgresReports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from iotistic_contract.lanes import MetricsLine
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.domain.lanes import Sifted
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["TakeLines"]


class TakeLines:
    """Store lines durably, those that didn't come before."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, key: DeviceKey, lane: Lane, lines: Sequence[Any]) -> int:
        """Return how many lines were new.

        401 when the registration ended while the lines came, 422 when they are of more streams
        than marks are kept of.
        """
        if not lines:
            return 0
        streams = _streams(lines)
        async with self._database.transaction() as connection:
            reports = PostgresReports(connection)
            marks: dict[str, tuple[int, int] | None] = {}
            for stream in streams:
                mark = await reports.mark(key.device_uuid, key.registration, lane, stream)
                marks[stream] = None if mark is None else (mark.epoch, mark.sequence)
            sifted = sift(lane, lines, marks)
            await _mark(reports, key, lane, marks, sifted)
            fresh = [lines[position] for position in sifted.fresh]
            await _store(connection, key.device_uuid, lane, fresh, self._clock.now())
            return len(fresh)


def _streams(lines: Sequence[Any]) -> set[str]:
    found: set[str] = set()
    for position, line in enumerate(lines):
        found.add(line.stream)
        if len(found) > STREAMS_KEPT:
            detail = f"a batch has at most {STREAMS_KEPT} streams"
            raise Refused(422, "invalid", detail, pointer=f"/{position}/stream")
    return found


async def _mark(
    reports: PostgresReports,
    key: DeviceKey,
    lane: Lane,
    before: Mapping[str, tuple[int, int] | None],
    sifted: Sifted,
) -> None:
    whose = (key.device_uuid, key.registration, lane)
    for stream, place in sifted.marks.items():
        set_mark = reports.add_mark if before[stream] is None else reports.raise_mark
        await set_mark(*whose, stream, place)
    for stream, count in sifted.repeats.items():
        await reports.count_repeat(*whose, stream, count)


async def _store(
    connection: Connection, uuid: str, lane: Lane, lines: Sequence[Any], now: datetime
) -> None:
    match lane:
        case Lane.LOGS:
            await PostgresLogs(connection).add(uuid, lines, now)
        case Lane.READINGS:
            await PostgresReadings(connection).add(uuid, lines, now)
        case Lane.EVENTS:
            events = [event_of(uuid, line, now) for line in lines]
            await PostgresEvents(connection).record(events, now)
        case Lane.METRICS:
            await PostgresMetrics(connection).add_all(uuid, _measured(lines, now))


def _measured(
    lines: Iterable[MetricsLine], now: datetime
) -> list[tuple[datetime, Mapping[str, float]]]:
    """Return numbers with their times; what is too old to be shown, or has no time, is left out."""
    return [
        (min(line.at, now), numbers)
        for line in lines
        if now - KEPT < line.at <= now + CLOCKS_DIFFER and (numbers := numbers_of(line.metrics))
    ]
