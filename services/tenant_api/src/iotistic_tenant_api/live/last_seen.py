"""Signs of life, gathered and stored in batches: a poll writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iotistic_tenant_api.storage.devices import PostgresDevices

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = ["LastSeen"]


@dataclass(slots=True)
class LastSeen:
    """The latest request of each device since the last flush."""

    clock: Clock
    database: Database
    _times: dict[str, datetime] = field(default_factory=dict)

    def saw(self, uuid: str) -> None:
        """Note a request of this device."""
        self._times[uuid] = self.clock.now()

    async def flush(self) -> None:
        """Store what was gathered; it is kept for the next time when that fails."""
        times, self._times = self._times, {}
        if not times:
            return
        try:
            async with self.database.transaction() as connection:
                await PostgresDevices(connection).saw(times)
        except BaseException:  # cancelled, too: what was taken isn't stored
            self._times = times | self._times
            raise
