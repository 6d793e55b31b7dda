"""A real site with devices in every state, Chromium, and the session of its first owner."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from .real_site import ATTACK, OWNER, PASSWORD, RealSite
from .window import ARGUMENTS, CHROMIUM, window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from iotistic_kit.testing import PostgresServer

SPEC = {
    "apps": {
        "demo": {
            "appId": "demo",
            "appName": "Demo",
            "services": [
                {
                    "serviceId": "web",
                    "serviceName": "web",
                    "imageName": "registry.example/demo/web:1.9",
                    "config": {"labels": {"note": ATTACK}},
                },
                {
                    "serviceId": "collector",
                    "serviceName": "collector",
                    "imageName": "registry.example/demo/collector:2.4",
                },
            ],
        }
    },
    "config": {},
}


@pytest.fixture(scope="session")
def site(postgres_server: PostgresServer) -> Iterator[RealSite]:
    with tempfile.TemporaryDirectory(prefix="da-") as folder:
        built = RealSite(Path(folder), postgres_server.create())
        try:
            built.build()
            yield built
        finally:
            built.close()


@pytest.fixture(scope="session")
def devices(site: RealSite) -> dict[str, str]:
    """Register devices in every state; one's names and messages are attacks."""
    pump = site.register("pump-station-north", tags={"site": "north", "line": "3"})
    site.write(pump, SPEC)
    running = {"state": "running", "health": "healthy"}
    broken = {"state": "restarting", "error": {"type": "start", "message": "no /dev/ttyUSB0"}}
    services = {"web": running, "collector": broken}
    site.report(
        pump, 1, status="applied", targetVersion=1, appliedVersion=1,
        apps={"demo": {"services": services}}, localIp="10.0.0.2",
        metrics={"cpu_usage": 13.5, "memory_usage": 1200, "memory_total": 3900, "cpu_temp": 41.2},
    )  # fmt: skip
    site.remember_metrics(pump)
    site.send_logs(
        pump,
        {"level": "info", "service": "web", "message": "listening on :8080"},
        {"level": "warning", "component": "cloudSync", "message": "poll_failed reason=no route"},
    )
    hostile = site.register(ATTACK[:128], deviceType=ATTACK[:128], tags={"x": ATTACK})
    site.write(hostile, SPEC)
    refused = {"state": "refused", "error": {"type": "unsupported", "message": ATTACK}}
    site.report(
        hostile, 1, status="failed", targetVersion=1, failedVersion=1, osVersion=ATTACK,
        failure={"type": "pull", "message": ATTACK}, localIp=ATTACK, agentVersion=ATTACK,
        apps={"demo": {"services": {"web": refused}}},
    )  # fmt: skip
    site.send_logs(
        hostile, {"level": ATTACK[:64], "service": "web", "message": ATTACK + "x" * 3000}
    )
    weather = site.register("weather mast", fleet=None)
    site.write(weather, SPEC)
    site.report(weather, 1, status="applying")
    spare = site.register("spare gateway")
    return {
        "pump": pump.uuid,
        "hostile": hostile.uuid,
        "weather": weather.uuid,
        "spare": spare.uuid,
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ada(site: RealSite, browser: Browser) -> Any:
    """Accept the first owner's invitation by its link; the cookies of Ada's session."""
    opened = await window(browser, site.url)
    await opened.go(f"/invitation#{site.invite_owner()}")
    await opened.page.wait_for_selector("#name")
    assert "#" not in opened.page.url
    assert OWNER in await opened.page.inner_text("main")
    for field, value in (("name", "Ada Lovelace"), ("password", PASSWORD), ("again", PASSWORD)):
        await opened.page.fill(f"#{field}", value)
    await opened.press("Make my account")
    assert await opened.page.inner_text("h1") == "Overview"
    state = await opened.context.storage_state()
    await opened.context.close()
    return state
