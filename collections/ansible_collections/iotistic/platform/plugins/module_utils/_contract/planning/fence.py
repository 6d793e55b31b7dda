# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""A tenant's fencing number: it only rises, and what holds a lower one is refused."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ContractError
from ..ids import check_count
from .plan import Plan

__all__ = ["SetFence", "plan"]


@dataclass(frozen=True, slots=True)
class SetFence:
    """Write ``number`` where ``expected`` (None: nothing) still stands."""

    expected: int | None
    number: int


def plan(actual: int | None, desired: int) -> Plan:
    """Raise the number; ``ContractError`` when a higher one has taken over."""
    try:
        check_count(desired)
    except ContractError as error:
        raise error.under("number") from None
    if actual is not None and desired < actual:
        raise ContractError(
            "/number", f"{desired} was overtaken: {actual} holds the tenant now, nothing is done"
        )
    steps = () if actual == desired else (SetFence(expected=actual, number=desired),)
    return Plan(
        before={} if actual is None else {"number": actual},
        after={"number": desired},
        steps=steps,
    )
