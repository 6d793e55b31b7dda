"""What a worker does between jobs: periods begin, folders and old rows go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from iotistic_billing.deploy.folder import sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from iotistic_billing.settings import WorkerSettings

__all__ = ["Upkeep"]

PAUSE = 60.0
AWAY = (psycopg.OperationalError, PoolTimeout, OSError)
_log = structlog.get_logger("iotistic_billing.upkeep")


class Upkeep:
    """Does every task once a minute, any number of workers at a time."""

    def __init__(
        self, settings: WorkerSettings, tasks: Sequence[Callable[[], Awaitable[object]]]
    ) -> None:
        self._root, self._site = settings.deploy_secrets_dir, settings.iotistic_site
        self._tasks = tasks

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(PAUSE)

    async def once(self) -> None:
        """Remove what killed workers left, then do each task."""
        try:
            swept = await asyncio.to_thread(sweep, self._root, self._site)
            if swept:
                _log.info("folders_swept", folders=swept)
            for task in self._tasks:
                await task()
        except AWAY as error:
            _log.warning("upkeep_postponed", error=type(error).__name__)
