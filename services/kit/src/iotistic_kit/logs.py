"""Structured logs: one JSON object a line on standard output, without secrets."""

import logging
import logging.config
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

__all__ = ["RefusedStart", "configure", "formatter", "redact"]

_NAMES = re.compile(
    r"(?i)(secret|passw|token|authorization|api_?key|private|cookie|credential|license_key)"
)
_VALUES = re.compile(
    r"\b(?:dk1|bk1|iotp1|at1|rt1|inv1)\.[A-Za-z0-9_.-]+"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=password=))('[^']*'|\S+)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_MASK = "[redacted]"


def configure(service: str, level: str = "info") -> None:
    """Send this process's logs, those of libraries too, to standard output as JSON lines."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    structlog.configure(
        processors=[*_shared(service), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def formatter(service: str) -> logging.Formatter:
    """Return what turns a record of the standard library's logging into such a line."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(service),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


def _shared(service: str) -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _named(service),
        redact,
    ]


class RefusedStart(logging.Filter):
    """Leaves the last line of the server's report about a start that we refused ourselves."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten such a record; keep every record."""
        name, _, reason = record.getMessage().strip().rpartition("\n")[2].partition(": ")
        if name.endswith(".StartRefusedError"):
            record.msg, record.args = f"start_refused: {reason}", ()
        return True


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Return ``event`` with secrets masked: by the member's name, and by how a value looks."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: object) -> object:
    if name.startswith("_"):
        return value
    if _NAMES.search(name) and value not in (None, "", True, False):
        return _MASK
    match value:
        case str():
            return _VALUES.sub(_MASK, value)
        case dict():
            return {key: _masked(str(key), item) for key, item in value.items()}
        case list() | tuple():
            return [_masked("", item) for item in value]
    return value


def _named(service: str) -> Any:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["service"] = service
        return event

    return add
