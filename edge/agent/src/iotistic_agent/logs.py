"""Structured logs: one JSON object a line on standard error."""

import json
import logging
import sys
from collections import deque
from datetime import UTC, datetime
from enum import StrEnum

__all__ = ["Component", "RecentLines", "configure", "log", "set_level"]

_MOST_CHARACTERS = 256 * 1024

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class Component(StrEnum):
    """The part of the agent that speaks."""

    AGENT = "agent"
    CONTAINERS = "containerManager"
    RECONCILER = "stateReconciler"
    SYNC = "cloudSync"
    MQTT = "mqtt"
    PROVISIONING = "provisioning"
    LOCAL_API = "localApi"
    ORDERS = "orders"


def log(component: Component) -> logging.Logger:
    """Return the logger of one component; facts go into ``extra``."""
    return logging.getLogger(f"iotistic_agent.{component}")


def configure(level: str) -> "RecentLines":
    """Write everything from ``level`` on to standard error, and return what keeps the newest."""
    recent = RecentLines()
    root = logging.getLogger("iotistic_agent")
    root.handlers[:] = [logging.StreamHandler(sys.stderr), recent]
    for handler in root.handlers:
        handler.setFormatter(_JsonLines())
    root.propagate = False
    set_level(level)
    return recent


def set_level(level: str) -> None:
    """Write from ``level`` on, from now on."""
    logging.getLogger("iotistic_agent").setLevel(level.upper())


class RecentLines(logging.Handler):
    """The newest lines in memory, at most 256 Ki characters of them; numbered from 1."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque()
        self._size = 0
        self._last = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; a very long one is left out."""
        line = self.format(record)
        if len(line) > _MOST_CHARACTERS // 8:
            return
        self._lines.append(line)
        self._last += 1
        self._size += len(line)
        while self._size > _MOST_CHARACTERS:
            self._size -= len(self._lines.popleft())

    def forget(self) -> None:
        """Drop all lines."""
        self.acquire()
        try:
            self._lines.clear()
            self._size = 0
        finally:
            self.release()

    def after(self, number: int) -> tuple[int, list[str]]:
        """Return the number of the last line, and those kept that came after ``number``."""
        self.acquire()
        try:
            count = min(len(self._lines), max(0, self._last - number))
            return self._last, list(self._lines)[len(self._lines) - count :]
        finally:
            self.release()


class _JsonLines(logging.Formatter):
    """Time, level, component, event, and the facts given beside it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "component": record.name.partition(".")[2] or "agent",
            "event": record.getMessage(),
        }
        facts = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | facts, default=str, ensure_ascii=False)
