"""Diagnostics as text for people, and short enough for a QR code; pure."""

from collections.abc import Mapping
from typing import Any

from iotistic_agent.cli.tables import clean

__all__ = ["findings", "summary"]

Json = Mapping[str, Any]
_COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m", "skipped": "\x1b[2m"}
_PLAIN = "\x1b[0m"
_LONGEST = 60


def findings(found: Json, *, coloured: bool) -> str:
    """Return a line for each check, red or green on a terminal, with advice below."""
    width = max(len(each["name"]) for each in found["checks"])
    lines = []
    for each in found["checks"]:
        word = each["verdict"].ljust(7)
        if coloured:
            word = f"{_COLOURS.get(each['verdict'], '')}{word}{_PLAIN}"
        lines.append(f"{clean(each['name']).ljust(width)}  {word}  {clean(each['detail'])}")
        if each["advice"]:
            lines.append(f"{' ' * width}  {' ' * 7}  → {clean(each['advice'])}")
    return "\n".join(lines)


def summary(found: Json) -> str:
    """Return who and when, then each check; details only of what isn't well."""
    lines = [f"iotistic {found['uuid']} {found['agentVersion']}", found["at"]]
    for each in found["checks"]:
        bad = each["verdict"] in ("failed", "warning")
        detail = f" {each['detail'][:_LONGEST]}" if bad else ""
        lines.append(clean(f"{each['name']} {each['verdict']}{detail}"))
    return "\n".join(lines)
