"""Holding a job: its lease is renewed while a block runs, and its loss ends the block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import psycopg_pool
import structlog

from .clock import Clock, SystemClock
from .errors import KitError
from .jobs import Job, LeaseLostError
from .work import RENEWAL, WorkQueue

__all__ = ["AWAY", "PAUSE_WHILE_AWAY", "JobCanceledError", "Lease", "holding", "wait"]

_log = structlog.get_logger("iotistic_kit.lease")
AWAY = (psycopg.OperationalError, psycopg_pool.PoolTimeout, OSError, TimeoutError)
PAUSE_WHILE_AWAY = 1.0


class JobCanceledError(KitError):
    """Somebody canceled the job while it ran."""


@dataclass(slots=True)
class Lease:
    """The hold on a running job: ``renewed_at`` is when its time began anew (steady clock)."""

    job: Job
    renewed_at: float
    ended_by: KitError | None = None
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


Renewed = Callable[[float], None]


@contextlib.asynccontextmanager
async def holding(
    queue: WorkQueue,
    job: Job,
    *,
    renewal: timedelta = RENEWAL,
    on_renewed: Renewed = lambda _at: None,
    clock: Clock | None = None,
) -> AsyncIterator[Lease]:
    """Renew ``job``'s lease while the block runs, first when it is entered.

    ``on_renewed(at)`` is called after each renewal with the steady time at which it was asked
    for. When the lease is lost, or somebody cancels the job, the block is cancelled where it
    awaits and ``LeaseLostError`` or ``JobCanceledError`` comes out.
    """
    clock = clock or SystemClock()
    lease = Lease(job, clock.steady())
    if await queue.heartbeat(job):
        raise JobCanceledError(job.id)
    on_renewed(lease.renewed_at)
    keeper = asyncio.create_task(
        _keep(queue, lease, renewal.total_seconds(), on_renewed, clock, _canceller(lease))
    )
    try:
        yield lease
    except (asyncio.CancelledError, Exception):  # a block may end its cancellation by any error
        if lease.ended_by is None or _uncancel() > 0:
            raise
        raise lease.ended_by from None
    else:
        if lease.ended_by is not None:
            _uncancel()
            raise lease.ended_by
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


def _canceller(lease: Lease) -> Callable[[KitError], None]:
    body = asyncio.current_task()

    def end(reason: KitError) -> None:
        lease.ended_by = reason
        if body is not None:
            body.cancel()

    return end


def _uncancel() -> int:
    task = asyncio.current_task()
    return task.uncancel() if task is not None else 0


async def _keep(  # noqa: PLR0913, PLR0917 -- what a loop uses stands in its signature
    queue: WorkQueue,
    lease: Lease,
    renewal: float,
    on_renewed: Renewed,
    clock: Clock,
    end: Callable[[KitError], None],
) -> None:
    pause, spare = renewal, queue.lease.total_seconds() - renewal
    while lease.ended_by is None:
        await wait(lease.hurry, pause)
        lease.hurry.clear()
        asked = clock.steady()
        try:
            canceled = await _within(lease.renewed_at + spare - asked, queue.heartbeat(lease.job))
        except LeaseLostError as exc:
            end(exc)
        except AWAY as exc:
            _log.warning("renewal_failed", job=lease.job.id, error=type(exc).__name__)
            pause = min(renewal, PAUSE_WHILE_AWAY)
            if clock.steady() >= lease.renewed_at + spare:
                end(LeaseLostError(lease.job))
        else:
            lease.renewed_at, pause = asked, renewal
            on_renewed(asked)
            if canceled:
                end(JobCanceledError(lease.job.id))


async def _within(seconds: float, asking: Coroutine[Any, Any, bool]) -> bool:
    """Return the answer, or raise TimeoutError on time, also when cancelling itself takes long."""
    task = asyncio.create_task(asking)
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        raise TimeoutError
    return task.result()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
