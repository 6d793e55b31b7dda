"""The database goes away and comes back: polls, listening and scheduler recover by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor

from iotistic_kit.clock import SystemClock
from iotistic_kit.migrations import migrate
from iotistic_kit.testing import running_postgres
from iotistic_tenant_api.cli import MIGRATIONS
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.scheduling.runtime import Scheduler

if TYPE_CHECKING:
    from iotistic_tenant_api.testing import TenantFiles

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


async def _until(wanted: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await wanted():
            pass


async def test_a_restarted_database(tenant_files: TenantFiles) -> None:
    with running_postgres() as server:
        conninfo = server.create()
        await asyncio.to_thread(migrate, conninfo, MIGRATIONS)
        settings = tenant_files.settings(conninfo)
        worker, scheduler = Worker(settings, SystemClock()), Scheduler(settings, SystemClock())
        async with ASGIConductor(worker.app()) as conductor, scheduler.database:
            work = asyncio.create_task(scheduler.run())

            async def ready() -> bool:
                await asyncio.sleep(1)
                return bool((await conductor.simulate_get("/health/ready")).status_code == 200)

            async def unready() -> bool:
                return not await ready()

            await _until(ready)
            await asyncio.to_thread(server.stop)
            await _until(unready)
            answer = await conductor.simulate_get(
                "/api/v1/devices", headers={"X-Device-API-Key": f"dk1.id.{'A' * 43}"}
            )
            assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
            assert answer.headers["retry-after"] == "2"
            await asyncio.to_thread(server.start)
            await _until(ready, 30)
            assert worker.listening.now
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
