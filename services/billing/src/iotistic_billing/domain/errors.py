"""The rules that a caller of billing can break."""
# ruff: noqa: N818 -- named by what is wrong, as RFC 9457 does

from typing import ClassVar

from iotistic_kit.errors import DomainError

__all__ = [
    "AddressesExhausted",
    "CustomerNotFound",
    "DeploymentNotFound",
    "EmailTaken",
    "IdempotencyKeyReused",
    "JobNotFound",
    "JobNotWaiting",
    "LicenseNotFound",
    "LoginRefused",
    "PasswordsBusy",
    "PlanConflict",
    "TenantBeingRemoved",
    "TooManyAttempts",
    "TrialsExhausted",
    "VerificationGone",
    "VerificationPending",
]


class _NotFound(DomainError):
    status: ClassVar[int] = 404  # type: ignore[misc]
    code: ClassVar[str] = "not_found"  # type: ignore[misc]


class _Conflict(DomainError):
    status: ClassVar[int] = 409  # type: ignore[misc]
    code: ClassVar[str] = "conflict"  # type: ignore[misc]


class CustomerNotFound(_NotFound):
    """No customer has this id."""


class DeploymentNotFound(_NotFound):
    """The customer has no deployment."""


class LicenseNotFound(_NotFound):
    """No license was ever made for the customer."""


class JobNotFound(_NotFound):
    """No job has this id."""


class JobNotWaiting(_Conflict):
    """The job is in a state that doesn't allow this."""


class EmailTaken(_Conflict):
    """Another customer has this e-mail address."""


class PlanConflict(_Conflict):
    """Stripe decides this customer's plan."""

    code: ClassVar[str] = "plan_conflict"  # type: ignore[misc]


class VerificationPending(_Conflict):
    """Nothing is deployed before the e-mail address is verified."""


class VerificationGone(_NotFound):
    """The link was used, is over, or never was."""


class AddressesExhausted(_Conflict):
    """Every address for tenants is taken."""


class IdempotencyKeyReused(DomainError):
    """The Idempotency-Key came with another body before."""


class LoginRefused(DomainError):
    """Wrong e-mail address or password."""

    status: ClassVar[int] = 401  # type: ignore[misc]
    code: ClassVar[str] = "unauthorized"  # type: ignore[misc]


class TenantBeingRemoved(_Conflict):
    """The tenant is being removed."""


class TooManyAttempts(DomainError):
    """The limit of attempts for this address is reached; ``Retry-After`` says how long."""

    status: ClassVar[int] = 429  # type: ignore[misc]
    code: ClassVar[str] = "too_many_attempts"  # type: ignore[misc]


class PasswordsBusy(DomainError):
    """As many passwords as can be are being hashed; ``Retry-After`` says when to come again."""

    status: ClassVar[int] = 503  # type: ignore[misc]
    code: ClassVar[str] = "unavailable"  # type: ignore[misc]


class TrialsExhausted(TooManyAttempts):
    """As many trials as allowed wait for being verified."""
