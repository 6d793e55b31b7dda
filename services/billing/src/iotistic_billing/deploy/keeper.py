"""What goes on beside a run: its guard is kept alive, its words are stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout

from iotistic_kit.work import LeaseLostError

if TYPE_CHECKING:
    from iotistic_billing.deploy.process import GuardedRun
    from iotistic_kit.work import WorkQueue
    from iotistic_kit.worker import Lease

__all__ = ["Keeper"]

PAUSE = 0.2
AWAY = (psycopg.OperationalError, PoolTimeout, OSError)


class Keeper:
    """Hands each renewal of the lease on to the guard, and what the run says to the queue.

    A database that is away stops nothing by itself: without a renewal there is no beat, and the
    guard ends the run before the lease does.
    """

    def __init__(self, queue: WorkQueue, lease: Lease, run: GuardedRun, total: int | None) -> None:
        self._queue = queue
        self._lease = lease
        self._run = run
        self._total = total
        self._lines: list[str] = []
        self._progress: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None

    def hear(self, said: dict[str, Any]) -> None:
        """Take what the run says, to be stored soon."""
        if "line" in said:
            self._lines.append(str(said["line"]))
        elif "progress" in said:
            self._last = said["progress"]
            self._progress = {**self._last, "total": self._estimate(self._last["done"])}

    async def keep(self) -> None:
        """Go on until cancelled."""
        beaten = 0.0
        while True:
            if self._lease.renewed_at > beaten:
                beaten = self._lease.renewed_at
                self._run.beat(beaten)
            await asyncio.sleep(PAUSE)
            try:
                await self.tell()
            except AWAY:
                await asyncio.sleep(PAUSE)
            except LeaseLostError:
                self._lease.hurry.set()

    async def conclude(self) -> None:
        """Store the rest of a run that succeeded: its total is what was done, no estimate."""
        if self._last is not None:
            self._progress = {**self._last, "total": self._last["done"]}
        await self.tell()

    async def tell(self) -> None:
        """Store what was said since the last time."""
        lines, progress = self._lines, self._progress
        self._lines, self._progress = [], None
        try:
            await self._queue.log(self._lease.job, lines)
            if progress is not None:
                await self._queue.progress(self._lease.job, progress)
        except AWAY:
            self._lines[:0] = lines
            raise

    def _estimate(self, done: int) -> int | None:
        """How many tasks there may be: as many as last time, or as have been done by now."""
        return None if self._total is None else max(self._total, done)
