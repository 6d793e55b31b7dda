"""Structured logs: one JSON object a line on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

__all__ = ["Component", "configure", "log", "set_level"]

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class Component(StrEnum):
    """The part of the agent that speaks."""

    AGENT = "agent"
    CONTAINERS = "containerManager"
    RECONCILER = "stateReconciler"
    SYNC = "cloudSync"
    MQTT = "mqtt"
    PROVISIONING = "provisioning"


def log(component: Component) -> logging.Logger:
    """Return the logger of one component; facts go into ``extra``."""
    return logging.getLogger(f"iotistic_agent.{component}")


def configure(level: str) -> None:
    """Write everything from ``level`` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger("iotistic_agent")
    root.handlers[:] = [handler]
    root.propagate = False
    set_level(level)


def set_level(level: str) -> None:
    """Write from ``level`` on, from now on."""
    logging.getLogger("iotistic_agent").setLevel(level.upper())


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
