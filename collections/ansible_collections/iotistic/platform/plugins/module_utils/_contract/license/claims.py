# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The claims of a license, and the moments at which time alone changes its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from ..codec import decode, encode
from ..errors import ContractError
from ..ids import CustomerId
from ..plans import LIMITS, Features, Limits

__all__ = [
    "ALGORITHM",
    "EXPIRING",
    "GRACE",
    "ISSUER",
    "LEEWAY",
    "LONGEST",
    "RESTRICTED",
    "TYPE",
    "License",
    "LicenseState",
    "Subscription",
    "Trial",
]

ISSUER = "iotistic-billing"
TYPE = "license+jwt"
ALGORITHM = "RS256"
EXPIRING = timedelta(days=3)
GRACE = timedelta(days=14)
RESTRICTED = timedelta(days=30)
LONGEST = timedelta(days=400)
LEEWAY = timedelta(seconds=60)


class LicenseState(StrEnum):
    """How a license stands, worst first: the first that holds is the state."""

    MISSING = "missing"
    REVOKED = "revoked"
    EXPIRED = "expired"
    RESTRICTED = "restricted"
    GRACE = "grace"
    EXPIRING = "expiring"
    VALID = "valid"


_LATEST = 2**37  # far from the last moment that a datetime can hold
_UNPAID = frozenset({"unpaid", "canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Whether the license is a trial's, and when that ends."""

    is_trial_mode: bool = False
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.is_trial_mode and self.expires_at is None:
            raise ContractError("/expiresAt", "a trial has an end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The paid side: Stripe's word for it, the end of the paid period, and what comes then."""

    status: str = "active"
    current_period_ends_at: datetime | None = None
    cancels_at_period_end: bool = False


@dataclass(frozen=True, kw_only=True)
class License:
    """The claims of one license; times of the token itself are whole seconds since 1970."""

    iss: str
    aud: CustomerId
    sub: CustomerId
    jti: str
    iat: int
    nbf: int
    exp: int
    rev_seq: int = 0
    customer_name: str
    plan: str
    features: Features = field(default_factory=Features)
    limits: Limits = field(default_factory=Limits)
    trial: Trial = field(default_factory=Trial)
    subscription: Subscription = field(default_factory=Subscription)

    def __post_init__(self) -> None:
        if self.iss != ISSUER:
            raise ContractError("/iss", f"expected {ISSUER}, got {self.iss!r}")
        if self.aud != self.sub:
            raise ContractError("/aud", "audience and subject are the same customer")
        if not 0 <= self.iat <= _LATEST:
            raise ContractError("/iat", "not seconds since 1970")
        if not self.iat < self.exp <= self.iat + LONGEST.total_seconds():
            raise ContractError("/exp", "a license ends within 400 days of its making")

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Decode verified claims; unknown ones come from a newer billing and are passed over."""
        return decode(cls, claims, unknown="keep")

    def claims(self) -> dict[str, Any]:
        """Return the claims to sign, an unlimited number as an explicit null."""
        limits = {wire: getattr(self.limits, name) for wire, name in LIMITS.items()}
        return {**encode(self), "limits": limits}

    @cached_property
    def ends_at(self) -> datetime:
        """``exp`` as a time."""
        return datetime.fromtimestamp(self.exp, UTC)

    @cached_property
    def period_ends_at(self) -> datetime:
        """End of the trial or paid period; without either, a grace period before ``exp``."""
        end = (
            self.trial.expires_at
            if self.trial.is_trial_mode
            else self.subscription.current_period_ends_at
        )
        return end if end is not None else self.ends_at - GRACE

    @cached_property
    def changes(self) -> tuple[tuple[datetime, LicenseState], ...]:
        """The states that time alone brings, latest first, each with its beginning."""
        paid = not self.trial.is_trial_mode
        unpaid = self.subscription.status in _UNPAID
        late = self.subscription.status == "past_due"
        always = datetime.min.replace(tzinfo=UTC)
        begins = {
            LicenseState.EXPIRED: self.ends_at + RESTRICTED,
            LicenseState.RESTRICTED: always if unpaid else self.ends_at,
            LicenseState.GRACE: always if late else self.period_ends_at,
            LicenseState.EXPIRING: None if paid else self.period_ends_at - EXPIRING,
            LicenseState.VALID: always,
        }
        if paid and self.subscription.cancels_at_period_end:
            begins[LicenseState.EXPIRING] = always
        return tuple((begin, state) for state, begin in begins.items() if begin is not None)
