"""Take a device's report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_tenant_api.domain.reports import Placement, merge, place
from iotistic_tenant_api.storage.reports import PostgresReports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.device_keys import DeviceKey

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
                held = await reports.current(uuid)
                before = None if held is None else held["report"]
                after = merge(before, report, placement)
                await reports.replace(uuid, registration, after, self._clock.now())
            return placement
