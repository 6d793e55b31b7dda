"""Lines of a lane: which are new, what they are worth, and when they were made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from iotistic_contract.device_config import LogLevel
from iotistic_contract.lanes import EventType, Lane
from iotistic_tenant_api.domain.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iotistic_contract.lanes import EventLine
    from iotistic_tenant_api.domain.events import Severity

__all__ = ["CLOCKS_DIFFER", "Sifted", "event_of", "known_levels", "levels_from", "made_at", "sift"]

CLOCKS_DIFFER = timedelta(minutes=5)
OLDEST = timedelta(days=3 * 365)
Place = tuple[int, int]
_SEVERITIES: Mapping[str, Severity] = {
    EventType.TARGET_REFUSED: "error",
    EventType.CANDIDATE_ROLLED_BACK: "error",
    EventType.CONNECTION_DEGRADED: "warning",
    EventType.CONNECTION_OFFLINE: "warning",
    EventType.PULL_FAILED: "warning",
    EventType.SERVICE_FAILED: "warning",
    EventType.CONTAINER_CRASHED: "warning",
    EventType.ENGINE_AWAY: "warning",
    EventType.LINES_DROPPED: "warning",
    EventType.LANES_THROTTLED: "warning",
}
_LEVELS = tuple(LogLevel)


class Line(Protocol):
    """What every lane's lines have."""

    @property
    def stream(self) -> str:
        """The random id of the outbox's lane."""
        ...

    @property
    def epoch(self) -> int:
        """It rises at each start."""
        ...

    @property
    def sequence(self) -> int:
        """It rises within an epoch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """Positions of new lines, and by stream the marks after them and what came again."""

    fresh: tuple[int, ...] = ()
    marks: Mapping[str, Place] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)


def sift(lane: Lane, lines: Sequence[Line], marks: Mapping[str, Place | None]) -> Sifted:
    """Return which of ``lines`` are above their stream's mark; ``marks`` knows each stream.

    Of logs a batch is what counts, by its last line; of other lanes each line.
    """
    held, repeated = dict(marks), Counter[str]()
    fresh, again = [], {}
    for position, line in enumerate(lines):
        place, mark = (line.epoch, line.sequence), held[line.stream]
        again[line.stream] = mark is not None and place <= mark
        if again[line.stream]:
            repeated[line.stream] += 1
        else:
            fresh.append(position)
            held[line.stream] = place
    if lane is Lane.LOGS:
        repeated = Counter(stream for stream, is_repeat in again.items() if is_repeat)
    raised = {s: place for s, place in held.items() if place is not None and place != marks[s]}
    return Sifted(fresh=tuple(fresh), marks=raised, repeats=dict(repeated))


def made_at(at: datetime, now: datetime, oldest: timedelta = OLDEST) -> datetime:
    """Return the device's own time when it can be right, else now."""
    return min(at, now) if now - oldest < at <= now + CLOCKS_DIFFER else now


def event_of(uuid: str, line: EventLine, now: datetime) -> Event:
    """Return the timeline's event; its type says that the device told it."""
    return Event(
        type=f"device.{line.type}",
        uuid=uuid,
        actor="device",
        severity=_SEVERITIES.get(line.type, "info"),
        data=dict(line.data),
        at=made_at(line.at, now),
    )


def levels_from(least: str | None) -> tuple[list[str], bool]:
    """Return the levels from ``least`` on, and whether words that are none of ours count too."""
    start = 0 if least is None else _LEVELS.index(LogLevel(least))
    return [str(level) for level in _LEVELS[start:]], start <= _LEVELS.index(LogLevel.INFO)


def known_levels() -> list[str]:
    """Return all levels, the least first."""
    return [str(level) for level in _LEVELS]
