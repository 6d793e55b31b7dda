"""What waits for the cloud, as values: which lines go first when room is short; pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from iotistic_contract.lanes import MAX_LINE, Lane

__all__ = ["Bound", "Cut", "OutgoingLine", "Waiting", "cut_to", "rank_of", "text_of"]

_PLACE_BYTES = 256
_LOG_RANKS = {"debug": 0, "info": 1}
_RANKS = {Lane.METRICS: 2, Lane.READINGS: 3, Lane.LOGS: 4, Lane.EVENTS: 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The most that the outbox holds."""

    rows: int = 20_000
    size: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class OutgoingLine:
    """A line without its place in the lane; ``at`` as on the wire, ``level`` of logs alone."""

    at: str
    body: Mapping[str, object] = field(default_factory=dict)
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored line: where it is, what it takes, and its text."""

    id: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Stored lines up to ``id`` of ``rank`` that make room, ``count`` of them."""

    rank: int
    id: int
    count: int


def rank_of(lane: Lane, level: str | None) -> int:
    """Return the order of dropping: 0 goes first.

    Debug lines, then info lines, metrics, readings, warnings and errors, and events last.
    """
    if lane is Lane.LOGS and level in _LOG_RANKS:
        return _LOG_RANKS[level]
    return _RANKS[lane]


def text_of(line: OutgoingLine, stream: str, epoch: int, sequence: int) -> str | None:
    """Return the line as it is sent, None when it is longer than the wire allows."""
    mark = {"stream": stream, "epoch": epoch, "sequence": sequence, "at": line.at}
    level = {} if line.level is None else {"level": line.level}
    text = json.dumps({**mark, **level, **line.body}, ensure_ascii=True, separators=(",", ":"))
    return text if len(text) <= MAX_LINE - _PLACE_BYTES else None


def cut_to(stored: Iterable[tuple[int, int, int]], rows: int, size: int) -> Sequence[Cut]:
    """Return what to drop so that at least ``rows`` lines and ``size`` bytes become free.

    ``stored`` are rank, id and size in the order of dropping; it is read no further than needed.
    """
    cuts: dict[int, Cut] = {}
    for rank, number, taken in stored:
        if rows <= 0 and size <= 0:
            break
        before = cuts.get(rank)
        cuts[rank] = Cut(rank, number, 1 if before is None else before.count + 1)
        rows, size = rows - 1, size - taken
    return tuple(cuts.values())
