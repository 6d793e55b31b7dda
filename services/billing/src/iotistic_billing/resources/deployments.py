"""The deployment of one customer, and the queue behind it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import (
    AddressesExhausted,
    CustomerNotFound,
    DeploymentNotFound,
    JobNotFound,
    JobNotWaiting,
)
from iotistic_billing.schemas.bodies import DeployBody, JobQuery, LogQuery
from iotistic_billing.schemas.customers import DeployAnswer, DeploymentView, deployment_view
from iotistic_billing.schemas.jobs import JobPage, JobView, LogLine, LogPage
from iotistic_billing.security import ADMIN, OWN, OWN_PERSON
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.usecases.jobs import Jobs
    from iotistic_billing.usecases.tenants import Queued, Tenants

__all__ = [
    "Deploy",
    "DeploymentResource",
    "JobLog",
    "JobResource",
    "JobsResource",
    "deploy_answer",
]


def deploy_answer(queued: Queued, customer_id: str, public_url: str) -> DeployAnswer:
    """Show a job that was queued, and where to look how it goes."""
    return DeployAnswer(
        status=queued.status,
        job_id=queued.job_id,
        instance_url=queued.instance_url,
        check_status_url=f"{public_url}/api/customers/{customer_id}/deployment",
    )


class Deploy:
    """Bring a tenant to what is wanted."""

    def __init__(self, tenants: Tenants, public_url: str) -> None:
        self._tenants = tenants
        self._public_url = public_url

    @operation(
        "Queue a deployment",
        access=OWN_PERSON,
        request=DeployBody,
        response=DeployAnswer,
        status=202,
        problems=(CustomerNotFound, AddressesExhausted),
    )
    async def on_post(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the job, which may be one that already waits or runs."""
        body = await read_body(req, DeployBody)
        queued = await self._tenants.deploy(customer_id, body.reason, principal_of(req).id)
        answer = deploy_answer(queued, customer_id, self._public_url)
        resp.status = HTTPStatus.ACCEPTED
        resp.media = answer.model_dump(mode="json")


class DeploymentResource:
    """The deployment of one customer."""

    def __init__(self, tenants: Tenants, public_url: str) -> None:
        self._tenants = tenants
        self._public_url = public_url

    @operation(
        "Show a deployment",
        access=OWN,
        response=DeploymentView,
        problems=(CustomerNotFound, DeploymentNotFound),
    )
    async def on_get(self, _req: Request, resp: Response, customer_id: str) -> None:
        """Answer its state."""
        view = deployment_view(await self._tenants.get(customer_id))
        if view is None:
            raise DeploymentNotFound("the customer has no deployment")
        resp.media = view.model_dump(mode="json")

    @operation(
        "Remove a deployment",
        access=ADMIN,
        response=DeployAnswer,
        status=202,
        problems=(CustomerNotFound, DeploymentNotFound),
    )
    async def on_delete(self, req: Request, resp: Response, customer_id: str) -> None:
        """Answer the job that removes it."""
        queued = await self._tenants.remove(customer_id, "removal", principal_of(req).id)
        resp.status = HTTPStatus.ACCEPTED
        answer = deploy_answer(queued, customer_id, self._public_url)
        resp.media = answer.model_dump(mode="json")


class JobsResource:
    """The queue."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    @operation("List jobs", access=ADMIN, query=JobQuery, response=JobPage, problems=(JobNotFound,))
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer a page, newest first."""
        query = read_query(req, JobQuery)
        if query.after:
            await self._jobs.get(query.after)
        found = await self._jobs.page(
            before=query.after or None,
            limit=query.limit,
            customer_id=query.customer_id,
            status=query.status,
        )
        following = found[-1].id if len(found) == query.limit else None
        page = JobPage(items=[JobView.of(job) for job in found], next=following)
        resp.media = page.model_dump(mode="json")


class JobResource:
    """One job."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    @operation("Show a job", access=ADMIN, response=JobView, problems=(JobNotFound,))
    async def on_get(self, _req: Request, resp: Response, job_id: str) -> None:
        """Answer the job with its progress."""
        resp.media = JobView.of(await self._jobs.get(job_id)).model_dump(mode="json")

    @operation(
        "Try a job again", access=ADMIN, response=JobView, problems=(JobNotFound, JobNotWaiting)
    )
    async def on_post_retry(self, req: Request, resp: Response, job_id: str) -> None:
        """Answer the job, queued with all its tries."""
        job = await self._jobs.retry(job_id, principal_of(req).id)
        resp.media = JobView.of(job).model_dump(mode="json")

    @operation(
        "Cancel a job", access=ADMIN, response=JobView, problems=(JobNotFound, JobNotWaiting)
    )
    async def on_post_cancel(self, req: Request, resp: Response, job_id: str) -> None:
        """Answer the job: canceled, or still running until its worker has stopped it."""
        job = await self._jobs.cancel(job_id, principal_of(req).id)
        resp.media = JobView.of(job).model_dump(mode="json")


class JobLog:
    """What a job says."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    @operation(
        "Read a job's log",
        access=ADMIN,
        query=LogQuery,
        response=LogPage,
        problems=(JobNotFound,),
    )
    async def on_get(self, req: Request, resp: Response, job_id: str) -> None:
        """Answer lines; ``next`` is null when these were the last so far."""
        query = read_query(req, LogQuery)
        found = await self._jobs.log(job_id, after=query.after, limit=query.limit)
        lines = [LogLine(n=line.n, at=line.at, line=line.line) for line in found]
        following = str(lines[-1].n) if len(lines) == query.limit else None
        resp.media = LogPage(items=lines, next=following).model_dump(mode="json")
