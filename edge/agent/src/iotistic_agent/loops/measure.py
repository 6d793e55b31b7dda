"""Measures the machine."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from iotistic_agent.metering import Reading, metrics_of
from iotistic_agent.signals import Bell

__all__ = ["FIRST_SPAN", "Measured", "measure"]

FIRST_SPAN = 1.0
Sample = Callable[[datetime, Mapping[str, object]], None]


class Measured:
    """The newest metrics; empty before the first.

    What a report carried is told; ``section`` gives reports the same sample for ``every`` seconds,
    so that metrics alone are no reason to report on a link where that costs much.
    """

    def __init__(self) -> None:
        self.metrics: Mapping[str, object] = {}
        self.at: datetime | None = None
        self._is_told = True
        self._shown: Mapping[str, object] = {}
        self._shown_at = 0.0

    def take(
        self, at: datetime, metrics: Mapping[str, object]
    ) -> tuple[datetime, Mapping[str, object]] | None:
        """Take a new sample, and return the one before when no report told it."""
        before = None if self._is_told or self.at is None else (self.at, self.metrics)
        self.at, self.metrics, self._is_told = at, metrics, False
        return before

    def section(self, now: float, every: float) -> Mapping[str, object]:
        """Return what a report is to show; ``now`` is in seconds and never goes back."""
        if not self._shown or now - self._shown_at >= every:
            self._shown, self._shown_at = self.metrics, now
        return self._shown

    def told(self, section: object) -> None:
        """Note that a report with this section was acknowledged."""
        if section == self.metrics:
            self._is_told = True


async def measure(  # noqa: PLR0913 -- what it uses
    *,
    read: Callable[[], Reading],
    latency: Callable[[], float | None],
    more: Callable[[], Mapping[str, object]],
    measured: Measured,
    sampled: Sample,
    untold: Sample,
    interval: Callable[[], float],
    now: Callable[[], datetime],
    report: Bell,
) -> None:
    """Keep ``measured`` new every ``interval()`` seconds, and ring ``report`` each time.

    ``latency`` gives the milliseconds of the last poll's round trip, None when it failed; ``more``
    are further numbers. ``sampled`` is given each sample, ``untold`` those that no report carried.
    """
    before = await asyncio.to_thread(read)
    await asyncio.sleep(FIRST_SPAN)
    while True:
        reading = await asyncio.to_thread(read)
        metrics = {**metrics_of(before, reading, latency()), **more()}
        at = now()
        missed = measured.take(at, metrics)
        sampled(at, metrics)
        if missed is not None:
            untold(*missed)
        before = reading
        report.ring()
        await asyncio.sleep(interval())
