"""Health checks of this API."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from iotistic_kit.health import UnhealthyError
from iotistic_tenant_api.storage.configuration import PostgresConfiguration

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = ["HEARTBEAT", "Configuration", "SchedulerHeartbeat", "broken_files"]

HEARTBEAT = "scheduler.heartbeat"
LATE = timedelta(seconds=30)


class Configuration:
    """Whether every file that the deployment wrote is still what it wrote."""

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest

    async def check(self) -> None:
        """Raise with the first file that is missing or changed."""
        broken = await asyncio.to_thread(broken_files, self._manifest)
        if broken:
            raise UnhealthyError(broken[0])


class SchedulerHeartbeat:
    """Whether a scheduler is at work."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def check(self) -> None:
        """Raise when no scheduler was heard of for 30 seconds."""
        async with self._database.connection() as connection:
            at = await PostgresConfiguration(connection).changed_at(HEARTBEAT)
        if at is None or self._clock.now() - at > LATE:
            raise UnhealthyError("no scheduler is at work")


def broken_files(manifest: Path) -> list[str]:
    """Return what is wrong with the files in `manifest` ({path: sha256 in hex}), one line each."""
    try:
        listed = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return [f"{manifest.name}: missing or unreadable"]
    files = listed.get("files", listed) if isinstance(listed, dict) else {}
    return [line for path, digest in files.items() if (line := _fault(Path(path), str(digest)))]


def _fault(path: Path, digest: str) -> str | None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return f"{path.name}: missing or unreadable"
    return None if found == digest else f"{path.name}: changed by somebody else"
