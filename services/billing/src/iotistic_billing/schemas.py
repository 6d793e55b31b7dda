"""Bodies and answers of this API; an unknown member is refused."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from iotistic_contract.ids import check_external_id
from iotistic_contract.plans import PLANS, plan_named

if TYPE_CHECKING:
    from iotistic_contract.plans import Plan
    from iotistic_kit.work import JobView as QueuedJob

    from .domain.model import StoredLicense
    from .usecases.licensing import Verified
    from .usecases.tenants import Tenant

__all__ = [
    "CustomerBody",
    "CustomerPage",
    "CustomerQuery",
    "CustomerView",
    "DeployAnswer",
    "DeployBody",
    "DeploymentView",
    "JobPage",
    "JobQuery",
    "JobView",
    "LicensePage",
    "LicenseView",
    "LogPage",
    "LogQuery",
    "LoginAnswer",
    "LoginBody",
    "OwnRecordBody",
    "PageQuery",
    "PlanBody",
    "PlanList",
    "PublicKeyView",
    "RevokeAnswer",
    "RevokeBody",
    "ServiceTokenAnswer",
    "ServiceTokenBody",
    "SignUpAnswer",
    "SignUpBody",
    "TenantPage",
    "TenantView",
    "VerifyBody",
    "VerifyView",
    "plan_list",
]


def _checked_plan(name: str) -> str:
    return str(plan_named(name, "").name)


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f.]+$",
    ),
]
ExternalId = Annotated[str, AfterValidator(check_external_id)]
PlanName = Annotated[str, AfterValidator(_checked_plan)]
Password = Annotated[SecretStr, Field(min_length=12, max_length=200)]
Scope = Literal["read", "devices", "target-states", "overrides", "provisioning-keys"]
Limit = Annotated[int, Field(ge=1, le=500)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CustomerBody(_Body):
    """What an operator wants a customer to be; an absent member is left as it is."""

    company_name: Words
    plan: PlanName
    email: Email | None = None
    full_name: Words | None = None
    state: Literal["present", "suspended"] = "present"


class SignUpBody(_Body):
    """The public form."""

    email: Email
    password: Password
    company_name: Words
    full_name: Words


class LoginBody(_Body):
    """E-mail address and password."""

    email: Email
    password: Annotated[SecretStr, Field(max_length=200)]


class OwnRecordBody(_Body):
    """What people may change of their own record."""

    company_name: Words | None = None
    full_name: Words | None = None


class PlanBody(_Body):
    """The plan that an operator sets."""

    plan: PlanName


class DeployBody(_Body):
    """Why a deployment is asked for."""

    reason: Reason = "asked for"


class RevokeBody(_Body):
    """Why licenses are called back."""

    reason: Reason


class ServiceTokenBody(_Body):
    """What a token is to reach at one tenant, and why; several scopes with a space between."""

    scope: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    reason: Reason

    @property
    def scopes(self) -> list[str]:
        """The scopes one by one."""
        return self.scope.split()


class VerifyBody(_Body):
    """A license's token."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=16 * 1024)]


class PageQuery(_Body):
    """A page of a list: what comes after a cursor."""

    after: str = ""
    limit: Limit = 100


class CustomerQuery(PageQuery):
    """Which customers."""

    external_id: ExternalId | None = None


class JobQuery(PageQuery):
    """Which jobs."""

    customer_id: str | None = None
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None = None


class LogQuery(_Body):
    """Lines after number ``after``."""

    after: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000


class DeploymentView(BaseModel):
    """A tenant's deployment: equal hashes mean that what is wanted is in place."""

    status: str
    wanted_hash: str
    applied_hash: str | None
    address: str
    instance_url: str
    job_id: str | None
    ca_pin: str | None
    error: str | None


class CustomerView(BaseModel):
    """A customer."""

    id: str
    short_id: str
    external_id: str
    company_name: str
    email: str | None
    full_name: str | None
    plan: str
    plan_source: str
    subscription_status: str
    trial_ends_at: datetime | None
    current_period_ends_at: datetime | None
    status: str
    instance_url: str | None
    created_at: datetime
    deployment: DeploymentView | None

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """Show a customer with its deployment."""
        customer, held = tenant.customer, tenant.customer.subscription
        return cls(
            id=customer.id,
            short_id=customer.short_id,
            external_id=customer.external_id,
            company_name=customer.company_name,
            email=customer.email,
            full_name=customer.full_name,
            plan=held.plan,
            plan_source=held.plan_source,
            subscription_status=held.status,
            trial_ends_at=held.trial_ends_at,
            current_period_ends_at=held.current_period_ends_at,
            status=tenant.status,
            instance_url=tenant.deployment.instance_url if tenant.deployment else None,
            created_at=customer.created_at,
            deployment=deployment_view(tenant),
        )


class TenantView(BaseModel):
    """What an inventory of tenants holds of each."""

    customer_id: str
    short_id: str
    external_id: str
    company_name: str
    plan: str
    status: str
    state: Literal["present", "suspended", "absent"]
    address: str
    public_url: str
    base_domain: str
    wanted_hash: str
    applied_hash: str | None
    ca_pin: str | None

    @classmethod
    def of(cls, tenant: Tenant, base_domain: str) -> Self | None:
        """Show a tenant that has a place; None for a customer without."""
        customer, deployment = tenant.customer, tenant.deployment
        if deployment is None:
            return None
        return cls(
            customer_id=customer.id,
            short_id=customer.short_id,
            external_id=customer.external_id,
            company_name=customer.company_name,
            plan=customer.subscription.plan,
            status=tenant.status,
            state=tenant.state,
            address=deployment.address,
            public_url=deployment.instance_url,
            base_domain=base_domain,
            wanted_hash=tenant.wanted_hash,
            applied_hash=deployment.applied_hash,
            ca_pin=deployment.ca_pin,
        )


class DeployAnswer(BaseModel):
    """A job that was queued, or is already there."""

    status: str
    job_id: str
    instance_url: str
    check_status_url: str


class SignUpAnswer(BaseModel):
    """A new customer; ``deployment`` is absent while the e-mail address waits to be verified."""

    customer: CustomerView
    deployment: DeployAnswer | None


class LoginAnswer(BaseModel):
    """A session."""

    token: str
    customer_id: str
    expires_at: datetime


class LicenseView(BaseModel):
    """A license as it is stored."""

    jti: str
    customer_id: str
    token: str
    plan: str
    issued_at: datetime
    expires_at: datetime
    reason: str
    revoked_at: datetime | None
    revoke_reason: str | None

    @classmethod
    def of(cls, stored: StoredLicense) -> Self:
        """Show a stored license."""
        return cls(
            jti=stored.jti,
            customer_id=stored.customer_id,
            token=stored.token,
            plan=stored.claims["plan"],
            issued_at=stored.issued_at,
            expires_at=stored.expires_at,
            reason=stored.reason,
            revoked_at=stored.revoked_at,
            revoke_reason=stored.revoke_reason,
        )


class RevokeAnswer(BaseModel):
    """The licenses that were called back just now."""

    revoked: list[str]


class VerifyView(BaseModel):
    """What a token is: its claims and state, or the check that it failed."""

    valid: bool
    state: str | None
    reason: str | None
    claims: dict[str, Any] | None

    @classmethod
    def of(cls, verified: Verified) -> Self:
        """Show what a token turned out to be."""
        return cls(
            valid=verified.license is not None,
            state=verified.status.state if verified.status else None,
            reason=verified.reason,
            claims=verified.license.claims() if verified.license else None,
        )


class ServiceTokenAnswer(BaseModel):
    """A token for one tenant."""

    token: str
    expires_at: datetime


class PublicKeyView(BaseModel):
    """The key that licenses are signed with, in PEM."""

    kid: str
    alg: str
    public_key: str


class JobProgress(BaseModel):
    """How far a run is: tasks done, of how many when that is known, and the one at work."""

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
            customer_id=job.key,
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


class CustomerPage(BaseModel):
    """Customers, and where the next ones begin."""

    items: list[CustomerView]
    next: str | None


class TenantPage(BaseModel):
    """Tenants, and where the next ones begin."""

    items: list[TenantView]
    next: str | None


class LicensePage(BaseModel):
    """Licenses, newest first."""

    items: list[LicenseView]
    next: str | None = None


class JobPage(BaseModel):
    """Jobs, newest first, and where the next ones begin."""

    items: list[JobView]
    next: str | None


class LogPage(BaseModel):
    """Lines of a log, and where the next ones begin."""

    items: list[LogLine]
    next: str | None


class PlanList(BaseModel):
    """The catalogue; null is unlimited, or agreed singly."""

    items: list[dict[str, Any]]


def deployment_view(tenant: Tenant) -> DeploymentView | None:
    """Show a customer's deployment, None without one."""
    deployment = tenant.deployment
    if deployment is None:
        return None
    return DeploymentView(
        status=tenant.deployment_status,
        wanted_hash=tenant.wanted_hash,
        applied_hash=deployment.applied_hash,
        address=deployment.address,
        instance_url=deployment.instance_url,
        job_id=deployment.job_id,
        ca_pin=deployment.ca_pin,
        error=deployment.error,
    )


def plan_list() -> PlanList:
    """Show the catalogue."""
    return PlanList(items=[_plan(plan) for plan in PLANS.values()])


def _plan(plan: Plan) -> dict[str, Any]:
    return {**asdict(plan), "name": str(plan.name)}
