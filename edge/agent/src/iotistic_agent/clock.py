"""The agent's time: the machine's, but never before what it has once been told for sure."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from iotistic_agent.ambient import BUILT, utc_now

__all__ = ["Clock"]


class Clock:
    """Goes with the machine's clock while that is ahead of the floor, else on from the floor.

    The floor is the time of the agent's build, or the ``Date`` of an answer over verified TLS; the
    machine's own time never raises it, or one jump into the future would stay for ever. Any thread
    may ask.
    """

    def __init__(
        self,
        machine: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._floor = (BUILT, monotonic())

    def now(self) -> datetime:
        """Return the time."""
        return max(self._machine(), self._from_floor())

    def raise_to(self, at: datetime) -> None:
        """Raise the floor; an earlier time changes nothing."""
        if at > self._from_floor():
            self._floor = (at, self._monotonic())

    def raise_by(self, date: str | None) -> datetime | None:
        """Raise the floor to a verified answer's ``Date``, and return it; None when it is none."""
        try:
            at = parsedate_to_datetime(date or "")
        except ValueError:
            return None
        if at.tzinfo is None:
            return None
        self.raise_to(at)
        return at

    def _from_floor(self) -> datetime:
        floor, since = self._floor
        return floor + timedelta(seconds=self._monotonic() - since)
