"""The values of the work queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .errors import DomainError, KitError

__all__ = [
    "Job",
    "JobNotFoundError",
    "JobStatus",
    "JobView",
    "LeaseLostError",
    "LogLine",
    "RetryPolicy",
]


class JobStatus(StrEnum):
    """Where a job stands; ``failed`` is the dead letter, which a person may retry."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class LeaseLostError(KitError):
    """The job isn't this worker's any more: stop at once and change nothing."""

    def __init__(self, job: "Job") -> None:
        super().__init__(f"job {job.id} is no longer held under fence {job.fence}")
        self.job = job


class JobNotFoundError(DomainError):
    """There is no such job."""

    status, code = 404, "not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__("there is no such job")
        self.job_id = job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job in a worker's hands; ``attempt`` counts from 1, ``fence`` rises with each claim."""

    id: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempt: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as people see it."""

    id: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    status: JobStatus
    attempt: int
    failures: int
    losses: int
    fence: int | None
    worker: str | None
    cancel_requested: bool
    progress: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    error: str | None
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", JobStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a job's log; ``n`` counts from 1."""

    n: int
    at: datetime
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a job is tried: ``pauses`` stand between the tries, one fewer than these.

    ``losses`` is how many workers may die over one job before it counts as deadly.
    """

    pauses: tuple[timedelta, ...] = (timedelta(seconds=60), timedelta(seconds=120))
    losses: int = 10
