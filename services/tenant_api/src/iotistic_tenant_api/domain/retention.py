"""How long a tenant's events, log lines and readings are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_contract.plans import PLANS

if TYPE_CHECKING:
    from iotistic_contract.license import License

__all__ = ["retention"]

AFTER_A_DOWNGRADE = timedelta(days=30)


def retention(license_: License | None) -> timedelta:
    """Return the plan's days, and 30 more to take what a smaller plan doesn't keep.

    Without a license, or with a plan that isn't known here, the longest: nothing is lost by that.
    """
    plan = None if license_ is None else PLANS.get(license_.plan)
    days = [one.retention_days for one in (PLANS.values() if plan is None else (plan,))]
    return timedelta(days=max(days)) + AFTER_A_DOWNGRADE
