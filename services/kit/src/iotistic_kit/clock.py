"""Time as a parameter."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "MemoryClock", "SystemClock"]


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def steady(self) -> float:
        """Return seconds that only rise and count a suspended machine too."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)

    def steady(self) -> float:
        """Return seconds since the machine's start."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class MemoryClock:
    """A clock that stands still until a test moves it."""

    at: datetime
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the time that the test has set."""
        return self.at

    def steady(self) -> float:
        """Return the seconds that the test has let pass."""
        return self.elapsed

    def advance(self, by: timedelta) -> None:
        """Let ``by`` pass."""
        self.at += by
        self.elapsed += by.total_seconds()
