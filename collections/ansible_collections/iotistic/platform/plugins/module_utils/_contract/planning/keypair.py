# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Which of billing's signing keys are to be made or rotated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import ContractError
from ..times import format_time
from .plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["ActualKeys", "GenerateKeys", "Keypairs", "RotateKeys", "plan"]

KINDS = ("license", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypairs:
    """The kinds of key that a folder is to hold, and the age at which one is rotated."""

    kinds: tuple[str, ...] = KINDS
    rotate_after_days: int | None = None

    def __post_init__(self) -> None:
        for index, kind in enumerate(self.kinds):
            if kind not in KINDS:
                raise ContractError(f"/kinds/{index}", f"not one of {', '.join(KINDS)}")
        if self.rotate_after_days is not None and self.rotate_after_days < 1:
            raise ContractError("/rotate_after_days", "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualKeys:
    """When the current key of each kind was made, and the time of looking."""

    now: datetime
    made_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenerateKeys:
    """Make the first keys of a kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Make the next key of a kind the current one."""

    kind: str


def plan(actual: ActualKeys, desired: Keypairs) -> Plan:
    """Make what is missing, rotate what is older than it may be; nothing is ever removed."""
    steps = tuple(
        step for kind in desired.kinds if (step := _step(kind, actual, desired)) is not None
    )
    made = {kind: format_time(at) for kind, at in actual.made_at.items()}
    renewed = {step.kind: format_time(actual.now) for step in steps}
    return Plan(before=made, after={**made, **renewed}, steps=steps)


def _step(kind: str, actual: ActualKeys, desired: Keypairs) -> GenerateKeys | RotateKeys | None:
    made_at = actual.made_at.get(kind)
    if made_at is None:
        return GenerateKeys(kind)
    days = desired.rotate_after_days
    if days is not None and made_at + timedelta(days=days) <= actual.now:
        return RotateKeys(kind)
    return None
