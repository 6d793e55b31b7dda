# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""When a device may change what it runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .codec import check_fields
from .errors import ContractError

__all__ = ["DAYS", "UpdateWindow"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)


def _check_clock(text: str) -> None:
    if not _CLOCK.fullmatch(text):
        raise ContractError("", "not a time of day like 02:30")


def _check_day(text: str) -> None:
    if text not in DAYS:
        raise ContractError("", f"not one of {', '.join(DAYS)}")


def _check_zone(text: str) -> None:
    if not _ZONE.fullmatch(text):
        raise ContractError("", "not the name of a time zone like Europe/Berlin")


Clock = Annotated[str, _check_clock]
Day = Annotated[str, _check_day]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWindow:
    """From ``start`` to ``end``, which may be past midnight, on the ``days`` that it starts on.

    No days are all days; ``timezone`` is an IANA name.
    """

    start: Clock
    end: Clock
    days: tuple[Day, ...] = ()
    timezone: Annotated[str, _check_zone] = "UTC"
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.start == self.end:
            raise ContractError("/end", "is the start: leave the window out to update at any time")

    def is_open(self, now: datetime) -> bool:
        """Tell whether updates may happen at ``now`` (with a zone).

        A zone that this machine doesn't know is UTC.
        """
        here = now.astimezone(self._zone())
        started_today = here.time() >= _time(self.start)
        before_end = here.time() < _time(self.end)
        if self.start < self.end:
            return started_today and before_end and self._on(here)
        if started_today:
            return self._on(here)
        return before_end and self._on(here - timedelta(days=1))

    def _on(self, day: datetime) -> bool:
        return not self.days or DAYS[day.weekday()] in self.days

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")


def _time(text: str) -> time:
    return time.fromisoformat(text)
