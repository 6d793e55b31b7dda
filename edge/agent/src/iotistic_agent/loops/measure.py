"""Measures the machine."""

import asyncio
from collections.abc import Callable, Mapping

from iotistic_agent.metering import Reading, metrics_of
from iotistic_agent.signals import Bell

__all__ = ["FIRST_SPAN", "Measured", "measure"]

FIRST_SPAN = 1.0


class Measured:
    """The newest metrics; empty before the first."""

    def __init__(self) -> None:
        self.metrics: Mapping[str, object] = {}


async def measure(
    *,
    read: Callable[[], Reading],
    latency: Callable[[], float | None],
    measured: Measured,
    interval: Callable[[], float],
    report: Bell,
) -> None:
    """Keep ``measured`` new every ``interval()`` seconds, and ring ``report`` each time.

    ``latency`` gives the milliseconds of the last poll's round trip, None when it failed.
    """
    before = await asyncio.to_thread(read)
    await asyncio.sleep(FIRST_SPAN)
    while True:
        now = await asyncio.to_thread(read)
        measured.metrics = metrics_of(before, now, latency())
        before = now
        report.ring()
        await asyncio.sleep(interval())
