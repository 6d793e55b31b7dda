"""Bytes on the device's link: what for, how many this month, and what must wait for the next."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from iotistic_agent.adapters.store.traffic import TrafficLedger
from iotistic_contract.lanes import Lane

__all__ = ["Purpose", "Traffic", "Usage", "throttled"]

_UP_TO = {Lane.LOGS: 0.70, Lane.METRICS: 0.85, Lane.READINGS: 1.0}


class Purpose(StrEnum):
    """What a call is for, beside the lanes."""

    STATE = "state"
    REPORT = "report"
    MQTT = "mqtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes of one month, by lane: sent and received."""

    month: str
    lanes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All bytes, both ways."""
        return sum(sent + received for sent, received in self.lanes.values())


def throttled(used: int, budget: int | None) -> frozenset[Lane]:
    """Return the lanes that wait until the month's end: the nearer the budget, the more.

    Logs from 70 % of it on, metrics from 85 %, readings at its end; never state, reports, events.
    """
    if budget is None:
        return frozenset()
    return frozenset(lane for lane, share in _UP_TO.items() if used >= share * budget)


class Traffic:
    """Counts in memory, from any thread; ``flush`` stores what came since the last time."""

    def __init__(self, ledger: TrafficLedger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._lock = threading.Lock()
        self._fresh: dict[tuple[str, str], tuple[int, int]] = {}
        self._stored = Usage(month="")

    def count(self, purpose: str, sent: int, received: int) -> None:
        """Count bytes of now."""
        key = (self._month(), str(purpose))
        with self._lock:
            before = self._fresh.get(key, (0, 0))
            self._fresh[key] = (before[0] + sent, before[1] + received)

    def usage(self) -> Usage:
        """Return this month's bytes; the thread of the store asks."""
        month = self._month()
        if self._stored.month != month:
            self._stored = Usage(month=month, lanes=self._ledger.of(month))
        lanes = dict(self._stored.lanes)
        with self._lock:
            for (of, lane), (sent, received) in self._fresh.items():
                if of == month:
                    before = lanes.get(lane, (0, 0))
                    lanes[lane] = (before[0] + sent, before[1] + received)
        return Usage(month=month, lanes=lanes)

    def flush(self) -> None:
        """Store what was counted; sqlite3.Error when the disk takes nothing: it stays counted."""
        with self._lock:
            fresh = dict(self._fresh)
        if not fresh:
            return
        self._ledger.add(fresh)
        with self._lock:
            for key, (sent, received) in fresh.items():
                now = self._fresh.pop(key)
                left = (now[0] - sent, now[1] - received)
                if any(left):
                    self._fresh[key] = left
        self._stored = Usage(month="")

    def _month(self) -> str:
        return f"{self._now():%Y-%m}"
