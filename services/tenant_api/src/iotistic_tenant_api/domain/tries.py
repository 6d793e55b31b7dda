"""How often somebody may try to come in; counted before any password is hashed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "INVITATION_BY_ADDRESS",
    "LONGEST_WINDOW",
    "OWN_PASSWORD",
    "SECOND_FACTOR",
    "SIGN_IN_BY_ADDRESS",
    "SIGN_IN_BY_EMAIL",
    "SIGN_IN_BY_EMAIL_HERE",
    "Limit",
    "check_tries",
    "network_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `allowed` tries of `action` by one subject in any `window`."""

    action: str
    allowed: int
    window: timedelta = timedelta(minutes=15)


SIGN_IN_BY_ADDRESS = Limit(action="sign-in address", allowed=30)
SIGN_IN_BY_EMAIL_HERE = Limit(action="sign-in email and address", allowed=10)
SIGN_IN_BY_EMAIL = Limit(action="sign-in email", allowed=100)
"""From networks only where the account has no session, so that strangers lock nobody out."""
SECOND_FACTOR = Limit(action="second factor", allowed=10)
"""By user, from everywhere: only who has the password comes so far."""
INVITATION_BY_ADDRESS = Limit(action="invitation address", allowed=30)
OWN_PASSWORD = Limit(action="own password", allowed=10)
LONGEST_WINDOW = timedelta(minutes=15)


def check_tries(limit: Limit, times: Sequence[datetime], now: datetime) -> None:
    """Refuse with 429 when `times` (the newest tries, newest first) fill the window."""
    if len(times) < limit.allowed:
        return
    free_at = times[limit.allowed - 1] + limit.window
    seconds = max(1, int((free_at - now).total_seconds()) + 1)
    raise Refused(429, "too_many_attempts", "too many tries; wait", retry_after=seconds)


def network_of(address: str) -> str:
    """Return what tries are counted by: an IPv4 address, the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4 or parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped or parsed) if parsed.version == 6 else str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
