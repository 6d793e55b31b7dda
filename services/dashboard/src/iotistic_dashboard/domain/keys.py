"""Provisioning keys as rows, and what is typed on a device."""

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from iotistic_dashboard.domain.words import moment

__all__ = ["key_rows", "provision_command"]


def key_rows(keys: Iterable[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Return the keys with their ``state``, open ones first, the newest of them on top."""
    rows = [{**key, "state": _state(key, now)} for key in keys]
    rows.sort(key=lambda row: str(row.get("createdAt")), reverse=True)
    return sorted(rows, key=lambda row: row["state"] != "open")


def provision_command(string: str) -> str:
    """Return the one line that gives the string to a device's agent, in no argument list."""
    return f"printf '%s\\n' {shlex.quote(string)} | sudo iotctl provision"


def _state(key: Mapping[str, Any], now: datetime) -> str:
    if key.get("revokedAt"):
        return "revoked"
    until = moment(key.get("expiresAt"))
    if until is not None and until <= now:
        return "expired"
    return "used" if key["used"] >= key["maxDevices"] else "open"
