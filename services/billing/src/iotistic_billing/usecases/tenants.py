"""A customer together with its tenant, and the jobs that make the tenant so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iotistic_billing.domain import tenancy
from iotistic_billing.domain.errors import (
    DeploymentNotFound,
    TenantBeingRemoved,
    VerificationPending,
)
from iotistic_billing.domain.model import Customer, CustomerStatus, Deployment, JobKind, PlanSource
from iotistic_billing.storage.accounts import PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_billing.storage.deployments import PostgresDeployments
from iotistic_kit.work import JobStatus
from iotistic_pki.tokens import Purpose

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from iotistic_billing.deploy.code import CodeHash
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database
    from iotistic_kit.work import WorkQueue
    from iotistic_pki.license_keys import KeyStore

__all__ = ["Platform", "Queued", "Tenant", "Tenants"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer, its deployment if it has one, and the hash of what is wanted there."""

    customer: Customer
    deployment: Deployment | None
    wanted_hash: str = ""

    @property
    def status(self) -> CustomerStatus:
        """How far the tenant is."""
        return tenancy.customer_status(self.customer, self.deployment)

    @property
    def deployment_status(self) -> str:
        """The last job's state, or what it has made."""
        return tenancy.deployment_status(self.deployment) if self.deployment else "pending"

    @property
    def state(self) -> Literal["present", "suspended", "absent"]:
        """What is wanted of the tenant."""
        if self.status is CustomerStatus.REMOVING:
            return "absent"
        return "suspended" if self.customer.suspended else "present"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A job that will bring a tenant to what is wanted."""

    job_id: str
    status: str
    instance_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What all tenants take from the platform, read afresh each time."""

    code: CodeHash
    keys: KeyStore
    base_domain: str
    billing_url: str

    async def facts(self) -> tenancy.PlatformFacts:
        """Return the facts as they are now."""
        return await asyncio.to_thread(self._facts)

    def _facts(self) -> tenancy.PlatformFacts:
        return tenancy.PlatformFacts(
            code_hash=self.code.current(),
            license_kid=self._kid(Purpose.LICENSE),
            service_kid=self._kid(Purpose.SERVICE),
            base_domain=self.base_domain,
            billing_url=self.billing_url,
        )

    def _kid(self, purpose: Purpose) -> str:
        slots = self.keys.slots(purpose)
        return slots.current if slots else ""


class Tenants:
    """Shows tenants, and queues what brings them to what is wanted."""

    def __init__(  # noqa: PLR0913 -- what a deployment is decided from
        self,
        database: Database,
        queue: WorkQueue,
        platform: Platform,
        clock: Clock,
        *,
        network: IPv4Network,
        verified_only: bool,
    ) -> None:
        self._database = database
        self._queue = queue
        self._platform = platform
        self._clock = clock
        self._network = network
        self._verified_only = verified_only

    async def get(self, customer_id: str) -> Tenant:
        """Return one customer with its tenant."""
        async with self._database.connection() as connection:
            customer = await PostgresCustomers(connection).get(customer_id)
            return await self.shown(connection, customer)

    async def page(self, *, after: str, limit: int, external_id: str | None = None) -> list[Tenant]:
        """Return at most ``limit`` customers with their tenants, by customer id."""
        facts = await self._platform.facts()
        async with self._database.connection() as connection:
            customers = await PostgresCustomers(connection).page(
                after=after, limit=limit, external_id=external_id
            )
            found = await PostgresDeployments(connection).of([each.id for each in customers])
        return [_tenant(customer, found.get(customer.id), facts) for customer in customers]

    async def shown(self, connection: Connection, customer: Customer) -> Tenant:
        """Return a customer that was just read with its tenant."""
        facts = await self._platform.facts()
        return _tenant(customer, await PostgresDeployments(connection).get(customer.id), facts)

    async def deploy(self, customer_id: str, reason: str, actor: str) -> Queued:
        """Queue what brings the tenant to what is wanted, or return the job that will do so."""
        async with self._database.transaction() as connection:
            customer = await PostgresCustomers(connection).get(customer_id, lock=True)
            return await self.queue(connection, customer, reason, actor)

    async def queue(
        self, connection: Connection, customer: Customer, reason: str, actor: str
    ) -> Queued:
        """Do the same within a transaction that holds the customer's row."""
        self._check_verified(customer)
        deployment = await self._placed(connection, customer)
        tenant = _tenant(customer, deployment, await self._platform.facts())
        if tenant.status is CustomerStatus.REMOVING:
            raise TenantBeingRemoved("the tenant is being removed; try again when that is done")
        kind = tenancy.deploy_kind(customer)
        if tenancy.joins(deployment, kind, tenant.wanted_hash):
            return _queued(deployment.job_id, deployment)
        return await self._enqueue(connection, deployment, kind, reason, actor)

    async def remove(self, customer_id: str, reason: str, actor: str) -> Queued:
        """Queue the removal of the tenant; what else waits for it is canceled."""
        async with self._database.transaction() as connection:
            customer = await PostgresCustomers(connection).get(customer_id, lock=True)
            deployment = await PostgresDeployments(connection).get(customer.id)
            if deployment is None:
                raise DeploymentNotFound("the customer has no deployment")
            if tenancy.removes(deployment):
                return _queued(deployment.job_id, deployment)
            return await self._enqueue(connection, deployment, JobKind.DELETE, reason, actor)

    async def _enqueue(
        self,
        connection: Connection,
        deployment: Deployment,
        kind: JobKind,
        reason: str,
        actor: str,
    ) -> Queued:
        key = deployment.customer_id
        await self._queue.cancel_waiting(connection, key, tenancy.CANCELED_BY[kind])
        payload = {"reason": reason, "actor": actor}
        job_id = await self._queue.enqueue(connection, kind, key, payload)
        await PostgresDeployments(connection).set_job(key, job_id)
        now = self._clock.now()
        audit = PostgresAudit(connection)
        await audit.note(now, actor, f"{kind}_queued", key, reason=reason, job_id=job_id)
        return _queued(job_id, deployment)

    async def _placed(self, connection: Connection, customer: Customer) -> Deployment:
        deployments = PostgresDeployments(connection)
        held = await deployments.get(customer.id)
        if held is not None:
            return held
        address = tenancy.address_for(self._network, await deployments.taken())
        made = Deployment(
            customer_id=customer.id, address=address, instance_url=tenancy.instance_url(address)
        )
        await deployments.add(made, self._clock.now())
        await PostgresCustomers(connection).set_removed(customer.id, None)
        return made

    def awaits_verification(self, customer: Customer) -> bool:
        """Tell whether nothing is deployed for the customer before its address is proved."""
        on_trial = customer.subscription.plan_source is PlanSource.TRIAL
        return self._verified_only and on_trial and customer.email_verified_at is None

    def _check_verified(self, customer: Customer) -> None:
        if self.awaits_verification(customer):
            raise VerificationPending("the e-mail address isn't verified yet")


def _tenant(
    customer: Customer, deployment: Deployment | None, facts: tenancy.PlatformFacts
) -> Tenant:
    wanted = tenancy.wanted_hash(customer, deployment.address, facts) if deployment else ""
    return Tenant(customer=customer, deployment=deployment, wanted_hash=wanted)


def _queued(job_id: str | None, deployment: Deployment) -> Queued:
    joined = job_id == deployment.job_id and deployment.job_state is not None
    status = str(deployment.job_state) if joined else str(JobStatus.QUEUED)
    return Queued(job_id=job_id or "", status=status, instance_url=deployment.instance_url)
