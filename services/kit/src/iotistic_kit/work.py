"""A queue of work in PostgreSQL: leases, fencing numbers, back-off, dead letters.

One job of a key runs at a time, whatever its kind. A job is claimed with a lease that its worker
renews; when the lease ends the job is taken over under a higher fencing number, and whatever the
old worker still says about it is refused with ``LeaseLostError``. Services give
``WORK_MIGRATIONS`` to ``migrate`` before their own folder.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import errors, sql
from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from . import work_sql as statements
from .db import Connection, Database
from .jobs import (
    Job,
    JobNotFoundError,
    JobStatus,
    JobView,
    LeaseLostError,
    LogLine,
    RetryPolicy,
)

__all__ = [
    "CANCEL_CHANNEL",
    "LEASE",
    "READY_CHANNEL",
    "RENEWAL",
    "WORK_MIGRATIONS",
    "Job",
    "JobNotFoundError",
    "JobStatus",
    "JobView",
    "LeaseLostError",
    "LogLine",
    "RetryPolicy",
    "WorkQueue",
]

WORK_MIGRATIONS = Path(__file__).parent / "work_migrations"
READY_CHANNEL, CANCEL_CHANNEL = "work_ready", "work_cancel"
LEASE, RENEWAL = timedelta(seconds=60), timedelta(seconds=15)
_LONGEST_ERROR = 4000


class WorkQueue:
    """The queue as one worker, or a service that only enqueues, has it.

    Methods with a ``connection`` do their part in its transaction.
    """

    def __init__(
        self,
        database: Database,
        *,
        worker: str = "",
        lease: timedelta = LEASE,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._database = database
        self._worker = worker
        self.lease = lease
        self._retries = retries or RetryPolicy()

    async def enqueue(
        self,
        connection: Connection,
        kind: str,
        key: str,
        payload: Mapping[str, Any],
        *,
        after: timedelta = timedelta(0),
    ) -> str:
        """Queue a job, due ``after`` this; return its id. Workers hear of it at the commit."""
        cursor = connection.cursor(row_factory=scalar_row)
        parameters = {"kind": kind, "key": key, "payload": Jsonb(payload), "after": after}
        await cursor.execute(statements.ENQUEUE, parameters)
        return str(await cursor.fetchone())

    async def claim(self, kinds: Sequence[str]) -> Job | None:
        """Take the next due job of these kinds, or one whose lease has ended; None without one."""
        parameters = {
            "kinds": list(kinds),
            "worker": self._worker,
            "lease": self.lease,
            "losses": self._retries.losses,
        }
        while True:
            try:
                async with self._database.transaction() as connection:
                    await connection.execute(statements.BURY, parameters)
                    cursor = connection.cursor(row_factory=class_row(Job))
                    await cursor.execute(statements.CLAIM, parameters)
                    return await cursor.fetchone()
            except errors.UniqueViolation:
                continue  # another worker took a job of the same key at this moment

    async def heartbeat(self, job: Job) -> bool:
        """Renew the lease; return whether somebody asked to cancel the job."""
        row = await self._held(job, statements.HEARTBEAT, {"lease": self.lease})
        return bool(row)

    async def require(self, job: Job, connection: Connection) -> None:
        """Raise ``LeaseLostError`` unless ``job`` is held, and stays so to the transaction's end.

        For an effect in this database: what a worker that was stopped past its lease still does
        after it woke is rolled back.
        """
        await self._held(job, statements.REQUIRE, {}, connection)

    async def finish(
        self,
        job: Job,
        result: Mapping[str, Any] | None = None,
        *,
        connection: Connection | None = None,
    ) -> None:
        """Mark the job as done; with ``connection``, in one transaction with its effect."""
        await self._held(job, statements.FINISH, {"result": _json(result)}, connection)

    async def fail(self, job: Job, error: str, *, again: bool = True) -> JobStatus:
        """Queue the job again after its pause; without one left, or ``again``, it is dead."""
        pauses = list(self._retries.pauses) if again else []
        parameters = {"pauses": pauses, "error": _storable(error)[:_LONGEST_ERROR]}
        status = await self._held(job, statements.FAIL, parameters)
        return JobStatus(status)

    async def release(self, job: Job) -> None:
        """Give the job back untried, for another worker to take at once."""
        await self._held(job, statements.RELEASE, {})

    async def finish_canceled(self, job: Job) -> None:
        """Mark a job as canceled that its worker has stopped."""
        await self._held(job, statements.FINISH_CANCELED, {})

    async def cancel(self, connection: Connection, job_id: str) -> JobStatus:
        """Cancel a queued job, ask a running one's worker to stop; return the status then."""
        return await self._one(connection, statements.CANCEL, job_id)

    async def cancel_waiting(
        self, connection: Connection, key: str, kinds: Sequence[str] | None = None
    ) -> int:
        """Cancel what is queued for ``key``, retries too; return how many jobs that were."""
        parameters = {"key": key, "kinds": None if kinds is None else list(kinds)}
        return (await connection.execute(statements.CANCEL_WAITING, parameters)).rowcount

    async def retry(self, connection: Connection, job_id: str) -> JobStatus:
        """Queue a failed or canceled job anew, with all its tries; others stay as they are."""
        return await self._one(connection, statements.RETRY, job_id)

    async def log(self, job: Job, lines: Sequence[str]) -> None:
        """Append to the job's log."""
        if lines:
            await self._held(job, statements.LOG, {"lines": [_storable(line) for line in lines]})

    async def progress(self, job: Job, progress: Mapping[str, Any]) -> None:
        """Say how far the job is, such as ``{"done": 3, "total": 12, "task": "…"}``."""
        await self._held(job, statements.PROGRESS, {"progress": _json(progress)})

    async def seconds_to_next(self, kinds: Sequence[str]) -> float | None:
        """Return how long until a job may be claimed, None while nothing waits."""
        async with self._database.connection() as connection:
            cursor = connection.cursor(row_factory=scalar_row)
            await cursor.execute(statements.NEXT, {"kinds": list(kinds)})
            seconds = await cursor.fetchone()
        return None if seconds is None else max(0.0, float(seconds))

    async def get(self, connection: Connection, job_id: str) -> JobView:
        """Return the job, or raise ``JobNotFoundError``."""
        cursor = connection.cursor(row_factory=class_row(JobView))
        await cursor.execute(statements.GET, {"id": _uuid(job_id)})
        view = await cursor.fetchone()
        if view is None:
            raise JobNotFoundError(job_id)
        return view

    async def find(
        self,
        connection: Connection,
        *,
        key: str | None = None,
        statuses: Sequence[JobStatus] | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[JobView]:
        """Return jobs, the newest first, those older than the job ``before`` when given."""
        wanted = None if statuses is None else [str(status) for status in statuses]
        parameters: dict[str, Any] = {"key": key, "statuses": wanted, "limit": limit}
        parameters["before"] = None if before is None else _uuid(before)
        cursor = connection.cursor(row_factory=class_row(JobView))
        await cursor.execute(statements.FIND, parameters)
        return await cursor.fetchall()

    async def read_log(
        self, connection: Connection, job_id: str, *, after: int = 0, limit: int = 1000
    ) -> list[LogLine]:
        """Return the lines of a job's log behind line ``after``."""
        cursor = connection.cursor(row_factory=class_row(LogLine))
        parameters = {"id": _uuid(job_id), "after": after, "limit": limit}
        await cursor.execute(statements.READ_LOG, parameters)
        return await cursor.fetchall()

    async def prune(self, connection: Connection, age: timedelta) -> int:
        """Delete jobs that ended longer ago than ``age``, with their logs; return how many."""
        return (await connection.execute(statements.PRUNE, {"age": age})).rowcount

    async def _one(
        self, connection: Connection, statement: sql.SQL | sql.Composed, job_id: str
    ) -> JobStatus:
        cursor = connection.cursor(row_factory=scalar_row)
        await cursor.execute(statement, {"id": _uuid(job_id)})
        await cursor.execute(statements.STATUS, {"id": _uuid(job_id)})
        status = await cursor.fetchone()
        if status is None:
            raise JobNotFoundError(job_id)
        return JobStatus(status)

    async def _held(
        self,
        job: Job,
        statement: sql.SQL | sql.Composed,
        parameters: Mapping[str, Any],
        connection: Connection | None = None,
    ) -> Any:
        if connection is None:
            async with self._database.transaction() as own:
                return await self._held(job, statement, parameters, own)
        cursor = connection.cursor(row_factory=scalar_row)
        await cursor.execute(statement, {"id": job.id, "fence": job.fence, **parameters})
        row: Any = await cursor.fetchone()
        if row is None:
            raise LeaseLostError(job)
        return row


def _json(value: Mapping[str, Any] | None) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _storable(line: str) -> str:
    return line.replace("\0", "").encode("utf-8", "replace").decode()


def _uuid(job_id: str) -> str:
    try:
        return str(UUID(job_id))
    except ValueError:
        raise JobNotFoundError(job_id) from None
