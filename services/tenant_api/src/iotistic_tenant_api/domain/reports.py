"""Where a report belongs: now, history, or counted already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Mark", "Placement", "is_online", "merge", "place"]

DEFAULT_INTERVAL = timedelta(seconds=30)
MISSED_REPORTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The highest (epoch, sequence) of a stream; `latest`: no stream was first seen after it."""

    epoch: int
    sequence: int
    latest: bool


class Placement(StrEnum):
    """What a message does to the current state."""

    COMPLETE = "complete"
    SECTIONS = "sections"
    REPEAT = "repeat"
    HISTORY = "history"


def place(mark: Mark | None, epoch: int, sequence: int) -> Placement:
    """Decide by the stream's mark: the stream seen first latest is current; pairs are ordered."""
    if mark is None:
        return Placement.COMPLETE
    if (epoch, sequence) <= (mark.epoch, mark.sequence):
        return Placement.REPEAT
    if not mark.latest:
        return Placement.HISTORY
    return Placement.COMPLETE if epoch > mark.epoch else Placement.SECTIONS


def merge(
    held: Mapping[str, Any] | None, report: Mapping[str, Any], placement: Placement
) -> dict[str, Any]:
    """Return the current state after `report`: sections are replaced whole, null clears one."""
    before = {} if held is None or placement is Placement.COMPLETE else dict(held)
    after = before | dict(report)
    return {name: section for name, section in after.items() if section is not None}


def is_online(last_seen: datetime | None, interval_ms: int | None, now: datetime) -> bool:
    """Return whether a device has missed less than three of its stated intervals."""
    if last_seen is None:
        return False
    interval = DEFAULT_INTERVAL if not interval_ms else timedelta(milliseconds=interval_ms)
    return now - last_seen < MISSED_REPORTS * interval
