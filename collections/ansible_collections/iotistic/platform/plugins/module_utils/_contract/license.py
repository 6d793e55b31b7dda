"""License claims, the state they are in, and the one decision about what they allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from .codec import decode, encode
from .errors import ContractError
from .ids import CustomerId
from .plans import FLAGS, LIMITS, Features, Limits
from .problems import Code

__all__ = [
    "ALGORITHM",
    "EXPIRING",
    "GRACE",
    "ISSUER",
    "LEEWAY",
    "LONGEST",
    "RESTRICTED",
    "TYPE",
    "Access",
    "License",
    "LicenseState",
    "LicenseStatus",
    "SeenTime",
    "Subscription",
    "Trial",
    "check_feature_access",
    "license_status",
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


_UNPAID = frozenset({"unpaid", "canceled"})
_CLOSED = frozenset(
    {
        LicenseState.MISSING,
        LicenseState.REVOKED,
        LicenseState.EXPIRED,
        LicenseState.RESTRICTED,
    }
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseStatus:
    """The state, whether the clock was behind, and when time alone brings the next state."""

    state: LicenseState
    clock_suspect: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTime:
    """The highest time that a tenant ever saw, which decides while its clock is behind."""

    highest: datetime
    signed_iat: datetime | None = None

    def observed(self, now: datetime) -> Self:
        """Return this after a look at the clock."""
        return self if now <= self.highest else replace(self, highest=now)

    def signed(self, iat: datetime) -> Self:
        """Return this after a document signed by billing: a newer ``iat`` is the highest time."""
        if self.signed_iat is not None and iat <= self.signed_iat:
            return self
        return replace(self, highest=iat, signed_iat=iat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The answer to one question: allowed, or the status and code to refuse with and why."""

    allowed: bool
    status: int = 200
    code: Code | None = None
    state: LicenseState
    feature: str | None = None
    limit: int | None = None
    used: int | None = None

    @property
    def detail(self) -> str:
        """One sentence for people."""
        if self.allowed:
            return "allowed"
        if self.code is Code.PAYMENT_REQUIRED:
            return f"the license is {self.state}"
        if self.code is Code.LIMIT_REACHED:
            return f"{self.feature} of the plan is {self.limit}, {self.used} are in use"
        return f"{self.feature} is not part of the plan"

    def members(self) -> dict[str, Any]:
        """Members for the problem document beside its code."""
        found = {"feature": self.feature, "limit": self.limit, "used": self.used}
        return {"licenseState": str(self.state)} | {k: v for k, v in found.items() if v is not None}


def license_status(
    license_: License | None,
    now: datetime,
    *,
    revoked: bool = False,
    highest_seen: datetime | None = None,
) -> LicenseStatus:
    """Return the state of ``license_``; a clock behind ``highest_seen`` doesn't decide it."""
    if license_ is None:
        return LicenseStatus(state=LicenseState.MISSING)
    suspect = False
    if highest_seen is not None and now < highest_seen:
        suspect = highest_seen - now > LEEWAY
        now = highest_seen
    if revoked:
        return LicenseStatus(state=LicenseState.REVOKED, clock_suspect=suspect)
    until = None
    for begin, state in license_.changes:
        if begin <= now:
            return LicenseStatus(state=state, clock_suspect=suspect, until=until)
        until = begin if until is None else min(begin, until)
    raise AssertionError  # VALID begins at the first moment there is


_ALLOWED = {
    state: Access(allowed=True, state=state) for state in LicenseState if state not in _CLOSED
}


def check_feature_access(  # noqa: PLR0913 -- all that the one decision depends on
    license_: License | None,
    feature: str | None,
    now: datetime,
    *,
    used: int | None = None,
    revoked: bool = False,
    highest_seen: datetime | None = None,
) -> Access:
    """Decide whether people may do something now: the one function that does.

    ``feature`` is a flag (``canExecuteJobs``), a limit (``maxDevices``, with ``used`` = how many
    there are already), or None for any other write. 402 when the subscription is the reason, 403
    when the plan is. Polls and reports of devices never ask.
    """
    state = license_status(license_, now, revoked=revoked, highest_seen=highest_seen).state
    if license_ is None or state in _CLOSED:
        return Access(
            allowed=False, status=402, code=Code.PAYMENT_REQUIRED, state=state, feature=feature
        )
    if feature is None:
        return _ALLOWED[state]
    if feature in FLAGS:
        if getattr(license_.features, FLAGS[feature]):
            return _ALLOWED[state]
        return Access(
            allowed=False, status=403, code=Code.FEATURE_NOT_IN_PLAN, state=state, feature=feature
        )
    return _within_limit(license_, feature, used, state)


def _within_limit(license_: License, feature: str, used: int | None, state: LicenseState) -> Access:
    if feature not in LIMITS:
        raise ContractError("/feature", f"no such flag or limit: {feature!r}")
    limit: int | None = getattr(license_.limits, LIMITS[feature])
    if limit is None or (used or 0) < limit:
        return _ALLOWED[state]
    return Access(
        allowed=False,
        status=403,
        code=Code.LIMIT_REACHED,
        state=state,
        feature=feature,
        limit=limit,
        used=used or 0,
    )
