"""How often a wrong provisioning secret may be tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FAILURES_ALLOWED", "WINDOW", "WORK_PER_MINUTE", "check_failures", "check_work"]

FAILURES_ALLOWED = 5
WINDOW = timedelta(minutes=15)
WORK_PER_MINUTE = 120


def check_failures(times: Sequence[datetime], now: datetime) -> None:
    """Answer 429 when `times` (failed tries, oldest first) fill the window that ends now."""
    recent = [at for at in times if at > now - WINDOW]
    if len(recent) >= FAILURES_ALLOWED:
        free_at = recent[len(recent) - FAILURES_ALLOWED] + WINDOW
        raise Refused(
            429,
            "too_many_attempts",
            "too many wrong provisioning keys; wait",
            retry_after=max(1, int((free_at - now).total_seconds()) + 1),
        )


def check_work(count: int, now: datetime) -> None:
    """Answer 429 when an address made this service work `count` times in this minute."""
    if count > WORK_PER_MINUTE:
        raise Refused(
            429,
            "too_many_attempts",
            "too many registrations from this address; wait",
            retry_after=60 - now.second,
        )
