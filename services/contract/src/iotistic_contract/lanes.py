"""Lanes beside the report: metrics, logs, events and readings as NDJSON, a line each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from .codec import decode, parse_json
from .device_config import LogLevel
from .errors import ContractError, MalformedJson
from .ids import MAX_COUNT, ServiceId, check_count

__all__ = [
    "LINE_TYPES",
    "MAX_LINE",
    "MAX_LINES",
    "NDJSON",
    "EventLine",
    "EventType",
    "Lane",
    "LogLine",
    "MetricsLine",
    "Place",
    "ReadingLine",
    "read_lines",
]

NDJSON = "application/x-ndjson"
MAX_LINES = 10_000
MAX_LINE = 64 * 1024
_WORD, _MESSAGE = 64, 16_384


class Lane(StrEnum):
    """The last part of the route, and the key of the marks."""

    METRICS = "metrics"
    LOGS = "logs"
    EVENTS = "events"
    READINGS = "readings"


class EventType(StrEnum):
    """What an agent tells of by itself; a server keeps words that it doesn't know."""

    AGENT_STARTED = "agent-started"
    REGISTERED = "registered"
    CONNECTION_ONLINE = "connection-online"
    CONNECTION_DEGRADED = "connection-degraded"
    CONNECTION_OFFLINE = "connection-offline"
    TARGET_STATE_CHANGED = "target-state-changed"
    TARGET_REFUSED = "target-refused"
    STATE_APPLIED = "state-applied"
    RECONCILIATION_COMPLETE = "reconciliation-complete"
    CANDIDATE_ROLLED_BACK = "candidate-rolled-back"
    PULL_FAILED = "pull-failed"
    SERVICE_FAILED = "service-failed"
    CONTAINER_CRASHED = "container-crashed"
    ENGINE_AWAY = "engine-away"
    ENGINE_BACK = "engine-back"
    LINES_DROPPED = "lines-dropped"
    LANES_THROTTLED = "lanes-throttled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a line stands in its lane; (``epoch``, ``sequence``) is compared within ``stream``."""

    stream: str
    epoch: int
    sequence: int

    def __post_init__(self) -> None:
        _check_word("/stream", self.stream)
        for name in ("epoch", "sequence"):
            try:
                check_count(getattr(self, name))
            except ContractError as exc:
                raise exc.under(name) from None
        if self.sequence < 1:
            raise ContractError("/sequence", "starts at 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a service's container, or of a component of the agent: exactly one of the two."""

    stream: str
    epoch: int
    sequence: int
    at: datetime
    level: LogLevel | str
    message: str
    service: ServiceId | None = None
    component: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _place(self)
        _check_word("/level", self.level)
        if (self.service is None) == (self.component is None):
            raise ContractError("", "either service or component")
        if self.component is not None:
            _check_word("/component", self.component)
        if len(self.message) > _MESSAGE:
            raise ContractError("/message", f"above {_MESSAGE} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsLine:
    """What a device measured at ``at``, in the words of the report's section."""

    stream: str
    epoch: int
    sequence: int
    at: datetime
    metrics: Mapping[str, object]
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _place(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """Something that happened on the device."""

    stream: str
    epoch: int
    sequence: int
    at: datetime
    type: EventType | str
    data: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _place(self)
        _check_word("/type", self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLine:
    """One value of a sensor; ``timestamp`` is when it was read, ``at`` when the line was made."""

    stream: str
    epoch: int
    sequence: int
    at: datetime
    sensor_id: str = field(metadata={"wire": "sensor_id"})
    value: float | int | bool | str
    timestamp: datetime | None = None
    unit: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _place(self)
        _check_word("/sensor_id", self.sensor_id)
        if isinstance(self.value, str) and len(self.value) > _MESSAGE:
            raise ContractError("/value", f"above {_MESSAGE} characters")
        if type(self.value) is int and abs(self.value) > MAX_COUNT:
            raise ContractError("/value", "an integer beyond 2^53-1")


LINE_TYPES: Mapping[Lane, type] = {
    Lane.METRICS: MetricsLine,
    Lane.LOGS: LogLine,
    Lane.EVENTS: EventLine,
    Lane.READINGS: ReadingLine,
}
Line = TypeVar("Line")


def read_lines(cls: type[Line], content: bytes) -> Sequence[Line]:
    """Return the lines of an NDJSON body, in order; empty lines at its end are passed over.

    ``MalformedJson`` names the line that is no JSON; ``ContractError`` points to the line
    (``/<index from 0>``) and to what of it breaks a rule.
    """
    texts = content.rstrip(b"\r\n").split(b"\n") if content.strip() else []
    return [_read(cls, index, text) for index, text in enumerate(texts)]


def _read(cls: type[Line], index: int, text: bytes) -> Line:
    if len(text) > MAX_LINE:
        raise ContractError("", f"a line above {MAX_LINE} bytes").under(index)
    try:
        return decode(cls, parse_json(text), unknown="keep")
    except MalformedJson as exc:
        raise MalformedJson(f"line {index} (from 0): {exc}") from None
    except ContractError as exc:
        raise exc.under(index) from None


def _place(line: LogLine | MetricsLine | EventLine | ReadingLine) -> None:
    Place(stream=line.stream, epoch=line.epoch, sequence=line.sequence)


def _check_word(pointer: str, text: str) -> None:
    if not 1 <= len(text) <= _WORD or not text.isprintable():
        raise ContractError(pointer, f"not 1 to {_WORD} printable characters")
