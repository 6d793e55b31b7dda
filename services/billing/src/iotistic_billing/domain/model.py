"""Customers, subscriptions, licenses and deployments as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import short_id

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Customer",
    "CustomerStatus",
    "Deployment",
    "JobKind",
    "JobState",
    "PlanSource",
    "StoredLicense",
    "Subscription",
]


class PlanSource(StrEnum):
    """Who decides a customer's plan."""

    TRIAL = "trial"
    OPERATOR = "operator"
    STRIPE = "stripe"


class CustomerStatus(StrEnum):
    """How far a customer's tenant is."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    READY = "ready"
    FAILED = "failed"
    REMOVING = "removing"
    REMOVED = "removed"
    SUSPENDED = "suspended"


class JobKind(StrEnum):
    """What a job of the deployment queue does with a tenant."""

    DEPLOY = "deploy"
    SUSPEND = "suspend"
    DELETE = "delete"


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a customer has, who said so, and how long it lasts."""

    plan: str
    plan_source: PlanSource
    status: str
    trial_ends_at: datetime | None = None
    current_period_ends_at: datetime | None = None
    cancels_at_period_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The commercial record; ``removed_at`` is when its last tenant was removed."""

    id: str
    external_id: str
    company_name: str
    email: str | None
    full_name: str | None
    email_verified_at: datetime | None
    suspended: bool
    removed_at: datetime | None
    created_at: datetime
    subscription: Subscription

    @property
    def short_id(self) -> str:
        """The 8 hex digits that name the tenant."""
        return short_id(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where a tenant is, what was last applied there, and the last job about it.

    ``begun_hash`` is what that job applies or applied, ``applied_hash`` what is known to be there.
    """

    customer_id: str
    address: str
    instance_url: str
    begun_hash: str | None = None
    applied_hash: str | None = None
    applied_at: datetime | None = None
    ca_pin: str | None = None
    job_id: str | None = None
    job_kind: JobKind | None = None
    job_state: JobState | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLicense:
    """A license that was made, with its token and whether it was called back."""

    jti: str
    customer_id: str
    token: str
    kid: str
    issued_at: datetime
    expires_at: datetime
    reason: str
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
