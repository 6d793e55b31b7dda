"""Take a device's report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import parse_time
from iotistic_tenant_api.domain.events import report_events
from iotistic_tenant_api.domain.fleet import numbers_of, summary_of
from iotistic_tenant_api.domain.lanes import CLOCKS_DIFFER
from iotistic_tenant_api.domain.reports import Placement, merge, place
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.metrics import KEPT, PostgresMetrics
from iotistic_tenant_api.storage.reports import PostgresReports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["TakeReport"]

LANE = "report"


class TakeReport:
    """Store a report durably, once, where it belongs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, key: DeviceKey, report: Mapping[str, Any]) -> Placement:
        """Return where the report went; `report` is the decoded document as it came.

        401 when the registration ended while the report came.
        """
        uuid, registration = key.device_uuid, key.registration
        stream, epoch, sequence = (report[name] for name in ("stream", "epoch", "sequence"))
        async with self._database.transaction() as connection:
            reports = PostgresReports(connection)
            mark = await reports.mark(uuid, registration, LANE, stream)
            placement = place(mark, epoch, sequence)
            if placement is Placement.REPEAT:
                await reports.count_repeat(uuid, registration, LANE, stream)
                return placement
            set_mark = reports.add_mark if mark is None else reports.raise_mark
            await set_mark(uuid, registration, LANE, stream, (epoch, sequence))
            if placement is not Placement.HISTORY:
                await self._replace(connection, key, report, placement)
            await self._keep_metrics(connection, uuid, report, placement)
            return placement

    async def _replace(
        self,
        connection: Connection,
        key: DeviceKey,
        report: Mapping[str, Any],
        placement: Placement,
    ) -> None:
        now, reports = self._clock.now(), PostgresReports(connection)
        held = await reports.current(key.device_uuid)
        before = None if held is None else held["report"]
        after = merge(before, report, placement)
        await reports.replace(key.device_uuid, key.registration, after, summary_of(after), now)
        events = report_events(key.device_uuid, before, after)
        await PostgresEvents(connection).record(events, now)

    async def _keep_metrics(
        self,
        connection: Connection,
        uuid: str,
        report: Mapping[str, Any],
        placement: Placement,
    ) -> None:
        numbers = numbers_of(report.get("metrics") or {})
        at = _measured_at(report, placement, self._clock.now())
        if numbers and at is not None:
            await PostgresMetrics(connection).add(uuid, at, numbers)


def _measured_at(report: Mapping[str, Any], placement: Placement, now: datetime) -> datetime | None:
    """Return the device's own time when it can be right, else now; None for what is too old."""
    at = parse_time(report["at"])
    if now - KEPT < at <= now + CLOCKS_DIFFER:
        return min(at, now)
    return None if placement is Placement.HISTORY else now
