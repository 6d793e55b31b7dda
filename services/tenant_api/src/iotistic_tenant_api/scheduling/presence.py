"""Notices who is gone and who is back, once each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_contract.codec import format_time
from iotistic_tenant_api.domain.events import Event
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.events import PostgresEvents

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = ["GRACE", "NoticePresence"]

BATCH = 1000
GRACE = timedelta(seconds=10)
"""Signs of life are stored every few seconds: who was seen now is known only then."""


class NoticePresence:
    """Makes events of devices that missed three intervals, and of those that came back."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> int:
        """Return how many were noticed."""
        noticed = 0
        while True:
            now = self._clock.now()
            async with self._database.transaction() as connection:
                turned = await PostgresDevices(connection).turn_presence(now, GRACE, BATCH)
                await PostgresEvents(connection).record([_event(*one) for one in turned], now)
            noticed += len(turned)
            if len(turned) < BATCH:
                return noticed


def _event(uuid: str, online: bool, seen: datetime) -> Event:  # noqa: FBT001 - a row
    return Event(
        type="online" if online else "offline",
        uuid=uuid,
        actor="scheduler",
        severity="info" if online else "warning",
        data={"lastSeenAt": format_time(seen)},
    )
