# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What keeps a device from changing what it runs, for a while."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..update_window import UpdateWindow

__all__ = ["LONGEST_LEASE_S", "Lease", "holds"]

LONGEST_LEASE_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Somebody asks for no updates until ``until``."""

    owner: str
    reason: str
    until: datetime


def holds(leases: Iterable[Lease], window: UpdateWindow | None, now: datetime) -> tuple[str, ...]:
    """Return who or what holds updates at ``now``, in words; nothing when they may happen."""
    by_lease = tuple(
        f"{each.owner} until {each.until:%Y-%m-%d %H:%M:%S}Z: {each.reason}"
        for each in sorted(leases, key=lambda each: each.owner)
        if each.until > now
    )
    if window is not None and not window.is_open(now):
        days = f" on {', '.join(window.days)}" if window.days else ""
        shut = f"the update window, {window.start} to {window.end} {window.timezone}{days}"
        return (*by_lease, shut)
    return by_lease
