"""The loop that takes jobs, keeps their leases, and tells the queue how they ended."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from .errors import KitError
from .lease import AWAY, PAUSE_WHILE_AWAY, JobCanceledError, Lease, holding, wait
from .listener import Listener
from .work import (
    CANCEL_CHANNEL,
    READY_CHANNEL,
    RENEWAL,
    Job,
    LeaseLostError,
    WorkQueue,
)

__all__ = ["GiveUpError", "Handler", "JobCanceledError", "Lease", "Worker", "holding"]

_log = structlog.get_logger("iotistic_kit.worker")


class GiveUpError(KitError):
    """A handler says that trying the job again is of no use; ``str()`` becomes its error."""


Handler = Callable[[Job, Lease], Awaitable[Mapping[str, Any] | None]]


class Worker:
    """Runs ``concurrency`` jobs at a time until told to stop.

    A handler's answer is the job's result; ``GiveUpError`` sends it to the dead letters, any
    other exception to its next try. When told to stop, running handlers are cancelled and their
    jobs given back.
    """

    def __init__(  # noqa: PLR0913 -- three of them are how often and how many
        self,
        queue: WorkQueue,
        handlers: Mapping[str, Handler],
        conninfo: str,
        *,
        concurrency: int = 3,
        renewal: timedelta = RENEWAL,
        poll: float = 5.0,
    ) -> None:
        self._queue, self._handlers = queue, dict(handlers)
        self._renewal, self._poll = renewal, poll
        self._free = asyncio.Semaphore(concurrency)
        self._ready = asyncio.Event()
        self._leases: dict[str, Lease] = {}
        channels = (READY_CHANNEL, CANCEL_CHANNEL)
        self._listener = Listener(conninfo, channels, self._heard, on_ready=self._look)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; return when every job is finished or given back."""
        listening = asyncio.create_task(self._listener.run())
        working = asyncio.create_task(self._work())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({listening, working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, working, stopped):
                task.cancel()
            results = await asyncio.gather(listening, working, stopped, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as running:
            while True:
                await self._free.acquire()
                job = await self._next()
                task = running.create_task(self._run(job), name=f"job {job.id}")
                task.add_done_callback(lambda _task: self._done())

    async def _next(self) -> Job:
        kinds = list(self._handlers)
        while True:
            self._ready.clear()
            pause = self._poll
            try:
                job = await self._queue.claim(kinds)
                if job is not None:
                    return job
                seconds = await self._queue.seconds_to_next(kinds)
                pause = pause if seconds is None else min(pause, seconds)
            except AWAY as exc:
                _log.warning("queue_away", error=type(exc).__name__)
            await wait(self._ready, max(pause, 0.02))

    async def _run(self, job: Job) -> None:
        log = _log.bind(job=job.id, kind=job.kind, key=job.key, fence=job.fence)
        log.info("job_started", attempt=job.attempt)
        try:
            outcome = await self._handle(job)
        except asyncio.CancelledError:
            with contextlib.suppress(LeaseLostError, *AWAY):
                await asyncio.shield(self._queue.release(job))
            raise
        except LeaseLostError:
            log.warning("job_lost")
            return
        try:
            log.info("job_ended", status=await self._tell(outcome))
        except LeaseLostError:
            log.warning("job_lost")

    async def _handle(self, job: Job) -> Callable[[], Awaitable[str]]:
        queue = self._queue
        try:
            async with holding(queue, job, renewal=self._renewal) as lease:
                self._leases[job.id] = lease
                result = await self._handlers[job.kind](job, lease)
        except LeaseLostError:
            raise
        except JobCanceledError:
            return lambda: _then("canceled", queue.finish_canceled(job))
        except GiveUpError as exc:
            error = str(exc)
            return lambda: queue.fail(job, error, again=False)
        except Exception as exc:  # noqa: BLE001 -- a job's fault is its outcome
            _log.warning("job_failed", job=job.id, exc_info=exc)
            error = str(exc) or type(exc).__name__
            return lambda: queue.fail(job, error)
        finally:
            self._leases.pop(job.id, None)
        return lambda: _then("succeeded", queue.finish(job, result))

    async def _tell(self, outcome: Callable[[], Awaitable[str]]) -> str:
        until = asyncio.get_running_loop().time() + self._queue.lease.total_seconds()
        while True:
            try:
                return await outcome()
            except AWAY:
                if asyncio.get_running_loop().time() > until:
                    return "unknown"
                await asyncio.sleep(PAUSE_WHILE_AWAY)

    def _done(self) -> None:
        self._free.release()
        self._ready.set()

    async def _heard(self, channel: str, payload: str) -> None:
        if channel == READY_CHANNEL:
            self._ready.set()
        elif payload in self._leases:
            self._leases[payload].hurry.set()

    async def _look(self) -> None:
        self._ready.set()


async def _then(status: str, told: Awaitable[None]) -> str:
    await told
    return status
