# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The state that a license is in at a moment, also on a machine whose clock is behind."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from .claims import LEEWAY, License, LicenseState

__all__ = ["LicenseStatus", "SeenTime", "license_status"]


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
