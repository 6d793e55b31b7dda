"""The deployment queue, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import JobNotFound, JobNotWaiting
from iotistic_billing.domain.mail import INVITE_JOB, MAIL_JOB, customer_of
from iotistic_billing.storage.accounts import PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_billing.storage.deployments import PostgresDeployments
from iotistic_kit.work import JobNotFoundError, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database
    from iotistic_kit.work import JobView, LogLine, WorkQueue

__all__ = ["Jobs"]


class Jobs:
    """Shows jobs, tries them again, cancels them."""

    def __init__(self, database: Database, queue: WorkQueue, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock

    async def page(
        self, *, before: str | None, limit: int, customer_id: str | None, status: str | None
    ) -> Sequence[JobView]:
        """Return jobs, the newest first."""
        async with self._database.connection() as connection:
            return await self._queue.find(
                connection,
                key=customer_id,
                statuses=[JobStatus(status)] if status else None,
                limit=limit,
                before=before,
            )

    async def get(self, job_id: str) -> JobView:
        """Return one job."""
        async with self._database.connection() as connection:
            return await self._found(connection, job_id)

    async def log(self, job_id: str, *, after: int, limit: int) -> Sequence[LogLine]:
        """Return what a job has said, after line ``after``."""
        async with self._database.connection() as connection:
            await self._found(connection, job_id)
            return await self._queue.read_log(connection, job_id, after=after, limit=limit)

    async def retry(self, job_id: str, actor: str) -> JobView:
        """Queue a failed or canceled job anew; of a tenant's deployment only the last may be."""
        async with self._database.transaction() as connection:
            job = await self._locked(connection, job_id)
            await self._check_last(connection, job)
            if job.status not in {JobStatus.FAILED, JobStatus.CANCELED}:
                raise JobNotWaiting(f"the job is {job.status}")
            await self._queue.retry(connection, job_id)
            await self._note(connection, actor, "job_retried", job)
            return await self._found(connection, job_id)

    async def cancel(self, job_id: str, actor: str) -> JobView:
        """Cancel a job that waits, or have the worker of one that runs stop it."""
        async with self._database.transaction() as connection:
            job = await self._locked(connection, job_id)
            if job.status not in {JobStatus.QUEUED, JobStatus.RUNNING}:
                raise JobNotWaiting(f"the job is {job.status}")
            await self._queue.cancel(connection, job_id)
            await self._note(connection, actor, "job_canceled", job)
            return await self._found(connection, job_id)

    async def _check_last(self, connection: Connection, job: JobView) -> None:
        if job.kind in {MAIL_JOB, INVITE_JOB}:
            return
        deployment = await PostgresDeployments(connection).get(job.key)
        if deployment is None or deployment.job_id != job.id:
            raise JobNotWaiting("a later job has taken its place; deploy instead")

    async def _note(self, connection: Connection, actor: str, action: str, job: JobView) -> None:
        audit = PostgresAudit(connection)
        await audit.note(self._clock.now(), actor, action, customer_of(job.key), job_id=job.id)

    async def _locked(self, connection: Connection, job_id: str) -> JobView:
        job = await self._found(connection, job_id)
        await PostgresCustomers(connection).get(customer_of(job.key), lock=True)
        return await self._found(connection, job_id)

    async def _found(self, connection: Connection, job_id: str) -> JobView:
        try:
            return await self._queue.get(connection, job_id)
        except JobNotFoundError:
            raise JobNotFound(f"no job {job_id}") from None
