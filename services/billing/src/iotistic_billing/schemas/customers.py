"""Customers, tenants and plans as this API shows them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel

from iotistic_contract.plans import PLANS

if TYPE_CHECKING:
    from iotistic_billing.usecases.tenants import Tenant
    from iotistic_contract.plans import Plan

__all__ = [
    "CustomerPage",
    "CustomerView",
    "DeployAnswer",
    "DeploymentView",
    "LoginAnswer",
    "PlanList",
    "SignUpAnswer",
    "TenantPage",
    "TenantView",
    "deployment_view",
    "plan_list",
]


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


class CustomerPage(BaseModel):
    """Customers, and where the next ones begin."""

    items: list[CustomerView]
    next: str | None


class TenantPage(BaseModel):
    """Tenants, and where the next ones begin."""

    items: list[TenantView]
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
