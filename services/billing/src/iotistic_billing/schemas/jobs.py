"""Jobs of the deployment queue as this API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from iotistic_billing.domain.mail import customer_of

if TYPE_CHECKING:
    from iotistic_kit.work import JobView as QueuedJob

__all__ = [
    "JobPage",
    "JobView",
    "LogLine",
    "LogPage",
]


class JobProgress(BaseModel):
    """How far a run is: tasks done, of how many when that is known, and the one at work.

    While it runs the total is that of the last run; at its success it's the number of tasks done.
    """

    done: int = 0
    total: int | None = None
    task: str | None = None


class JobView(BaseModel):
    """A job of the deployment queue."""

    id: str
    kind: str
    customer_id: str
    status: str
    reason: str | None
    attempt: int
    fence: int | None
    progress: JobProgress | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: QueuedJob) -> Self:
        """Show a job."""
        return cls(
            id=job.id,
            kind=job.kind,
            customer_id=customer_of(job.key),
            status=job.status,
            reason=job.payload.get("reason"),
            attempt=job.attempt,
            fence=job.fence,
            progress=JobProgress.model_validate(job.progress) if job.progress else None,
            error=job.error,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class LogLine(BaseModel):
    """One line of a job's log."""

    n: int
    at: datetime
    line: str


class JobPage(BaseModel):
    """Jobs, newest first, and where the next ones begin."""

    items: list[JobView]
    next: str | None


class LogPage(BaseModel):
    """Lines of a log, and where the next ones begin."""

    items: list[LogLine]
    next: str | None
