"""The one decision about what a license allows people to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import ContractError
from ..plans import FLAGS, LIMITS
from ..problems import Code
from .claims import License, LicenseState
from .states import license_status

__all__ = ["READING_ONLY", "Access", "check_feature_access"]

READING_ONLY = frozenset(
    {
        LicenseState.MISSING,
        LicenseState.REVOKED,
        LicenseState.EXPIRED,
        LicenseState.RESTRICTED,
    }
)
"""States under which people's writes are refused with 402; what only takes access away isn't."""


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
        """Members for the problem document beside its code; the caller adds where to upgrade."""
        of = "plan" if self.code is Code.LIMIT_REACHED else None
        found = {"feature": self.feature, "limit": self.limit, "used": self.used, "of": of}
        return {"licenseState": str(self.state)} | {k: v for k, v in found.items() if v is not None}


_ALLOWED = {
    state: Access(allowed=True, state=state) for state in LicenseState if state not in READING_ONLY
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
    if license_ is None or state in READING_ONLY:
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
