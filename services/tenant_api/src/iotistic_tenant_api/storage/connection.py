"""The connection that stores work on, and what commits tell the other workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import AsyncConnection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DEVICE_CHANGED",
    "FLEET_CHANGED",
    "LICENSE_CHANGED",
    "TARGET_CHANGED",
    "USER_CHANGED",
    "Connection",
    "announce",
]

Connection: TypeAlias = AsyncConnection[Any]

DEVICE_CHANGED = "device_changed"
TARGET_CHANGED = "target_changed"
LICENSE_CHANGED = "license_changed"
USER_CHANGED = "user_changed"
FLEET_CHANGED = "fleet_changed"

# A payload is at most 7,999 bytes; a uuid and a blank are 37.
_PER_MESSAGE = 200


async def announce(connection: Connection, channel: str, subjects: Iterable[str]) -> None:
    """Tell every listener at commit which `subjects` (uuids of devices or users) changed."""
    names: Sequence[str] = tuple(subjects)
    for start in range(0, len(names), _PER_MESSAGE):
        payload = " ".join(names[start : start + _PER_MESSAGE])
        await connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))
