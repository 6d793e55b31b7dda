"""When a lane is sent, and what becomes of lines that the cloud refused; pure."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from iotistic_contract.lanes import Lane

__all__ = ["CADENCES", "Cadence", "Fate", "Turns", "verdict"]

Cadence = Mapping[Lane, float]
"""How long lines may wait to be sent together, in seconds."""

CADENCES: Mapping[str, Cadence] = {
    "lan": {Lane.EVENTS: 0, Lane.READINGS: 10, Lane.METRICS: 60, Lane.LOGS: 5},
    "lte": {Lane.EVENTS: 0, Lane.READINGS: 60, Lane.METRICS: 300, Lane.LOGS: 60},
    "metered": {Lane.EVENTS: 0, Lane.READINGS: 3600, Lane.METRICS: 86_400, Lane.LOGS: 3600},
}
_ORDER = (Lane.EVENTS, Lane.READINGS, Lane.METRICS, Lane.LOGS)
_INDEX = re.compile(r"/(\d{1,6})(?:/|$)", re.ASCII)
_UNNAMED = frozenset({400, 413, 422})


class Fate(StrEnum):
    """What becomes of a batch that was refused."""

    HALVED = "halved"
    ONE_ASIDE = "one aside"
    ALL_ASIDE = "all aside"


def verdict(status: int, pointer: str | None, count: int) -> tuple[Fate, int]:
    """Return what becomes of ``count`` lines that got ``status``, and the index of the one.

    A batch of which some line is wrong and none is named is halved, until it is one line.
    """
    found = _INDEX.match(pointer or "") if status == 422 else None
    if found is not None and int(found[1]) < count:
        return Fate.ONE_ASIDE, int(found[1])
    if status in _UNNAMED and count > 1:
        return Fate.HALVED, 0
    return Fate.ALL_ASIDE, 0


@dataclass(frozen=True, slots=True)
class Turns:
    """Whose turn it is: when each lane was last sent until nothing was left, in seconds."""

    emptied: Mapping[Lane, float] = field(default_factory=dict)

    def next(
        self, waiting: Mapping[Lane, int], held: Set[Lane], cadence: Cadence, now: float
    ) -> Lane | None:
        """Return the lane to send from, the most urgent first; ``held`` ones wait longer."""
        due = (lane for lane in _ORDER if waiting.get(lane) and lane not in held)
        return next((lane for lane in due if self._due_in(lane, cadence, now) <= 0), None)

    def wait(
        self, waiting: Mapping[Lane, int], held: Set[Lane], cadence: Cadence, now: float
    ) -> float | None:
        """Return the seconds to the next turn, None when nothing waits."""
        due = [lane for lane in _ORDER if waiting.get(lane) and lane not in held]
        return min((self._due_in(lane, cadence, now) for lane in due), default=None)

    def done(self, lane: Lane, now: float) -> "Turns":
        """Return the turns after ``lane`` was sent until nothing was left."""
        return replace(self, emptied={**self.emptied, lane: now})

    def _due_in(self, lane: Lane, cadence: Cadence, now: float) -> float:
        last = self.emptied.get(lane)
        return 0.0 if last is None else max(0.0, last + cadence[lane] - now)
