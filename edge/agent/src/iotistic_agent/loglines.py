"""What containers and the agent write, as lines for the cloud: level, length, share, rate; pure."""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from iotistic_agent.adapters.engine_logs import LogLine
from iotistic_agent.outgoing import OutgoingLine
from iotistic_contract.codec import format_time, parse_time
from iotistic_contract.errors import ContractError

__all__ = ["Flow", "agent_line", "is_sampled", "is_timed", "level_of", "service_lines", "shown"]

LONGEST = 4096
PER_SECOND, BURST = 50.0, 500.0
DEBUG_SHARE = 10
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname")
_WORDS = {
    "trace": "debug", "debug": "debug", "dbg": "debug", "verbose": "debug",
    "info": "info", "information": "info", "notice": "info", "log": "info",
    "warn": "warning", "warning": "warning",
    "err": "error", "error": "error", "critical": "error", "crit": "error", "fatal": "error",
    "alert": "error", "emerg": "error", "emergency": "error", "panic": "error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flow:
    """How many lines a service may send yet; its clock is that of the lines themselves.

    So a log that is read late is let through as it would have been in time.
    """

    tokens: float = BURST
    seconds: float = 0.0
    skipped: int = 0

    def at(self, seconds: float) -> "Flow":
        """Return the flow as it is at a line's time."""
        gained = max(0.0, seconds - self.seconds) * PER_SECOND
        later = max(seconds, self.seconds)
        return replace(self, tokens=min(BURST, self.tokens + gained), seconds=later)


def service_lines(service: str, line: LogLine, flow: Flow) -> tuple[list[OutgoingLine], Flow]:
    """Return what is sent of a container's line, and the flow after it.

    After lines that came too fast a line says how many were left out.
    """
    level = level_of(line.message, line.stream)
    if not is_sampled(level, f"{service} {line.at} {line.message}"):
        return [], flow
    time = parse_time(line.at)
    flow = flow.at(time.timestamp())
    if flow.tokens < 1.0:
        return [], replace(flow, skipped=flow.skipped + 1)
    at, lines = format_time(time), []
    if flow.skipped:
        note = f"{flow.skipped} lines left out: more than {PER_SECOND:g} a second"
        lines.append(OutgoingLine(at, {"service": service, "message": note}, "warning"))
    body = {"service": service, "message": shown(line.message), "output": line.stream}
    lines.append(OutgoingLine(at, body, level))
    return lines, replace(flow, tokens=flow.tokens - 1.0, skipped=0)


def is_timed(line: LogLine) -> bool:
    """Tell whether the engine said when a line was written: the rest of a cut frame has no time."""
    try:
        parse_time(line.at)
    except ContractError:
        return False
    return True


def agent_line(text: str) -> OutgoingLine | None:
    """Return a line of the agent's own log, None when it isn't sampled."""
    facts = json.loads(text)
    at, level, component = (str(facts.pop(name)) for name in ("at", "level", "component"))
    event = facts.pop("event")
    level = _WORDS.get(level, "info")
    if not is_sampled(level, text):
        return None
    told = " ".join([str(event), *(f"{name}={value}" for name, value in facts.items())])
    return OutgoingLine(at, {"component": component[:64], "message": shown(told)}, level)


def level_of(message: str, output: str) -> str:
    """Return the level that a JSON line names, else ``warning`` for stderr and ``info``.

    Words in a text say nothing: ``0 errors`` is no error.
    """
    if message.startswith("{") and message.rstrip().endswith("}"):
        named = _named(message)
        if named is not None:
            return named
    return "warning" if output == "stderr" else "info"


def shown(message: str) -> str:
    """Return the message with control characters written as escapes, cut at 4,096 characters."""
    cut = message[: LONGEST + 1]
    text = _CONTROL.sub(lambda found: _escaped(found[0]), cut)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def is_sampled(level: str, key: str) -> bool:
    """Tell whether a line is sent: a tenth of those of level debug, always the same ones."""
    return level != "debug" or zlib.crc32(key.encode("utf-8", "replace")) % DEBUG_SHARE == 0


def _named(message: str) -> str | None:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, Mapping):
        return None
    words = (document.get(key) for key in _LEVEL_KEYS)
    found = (_WORDS.get(word.lower()) for word in words if isinstance(word, str))
    return next((level for level in found if level is not None), None)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
