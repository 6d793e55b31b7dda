"""Pages change by themselves, and outlast restarts of the API and of the dashboard."""

from __future__ import annotations

import pytest

from .window import signed_in

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_a_change_shows_by_itself(site, devices, browser, ada):
    opened = await signed_in(browser, site, ada)
    await opened.go("/devices")
    await opened.page.wait_for_selector("#live:not(.waiting):not([hidden])")
    row = opened.page.locator(f"#d-{devices['spare']}")
    site.call("PATCH", f"/api/v1/devices/{devices['spare']}", {"name": "no longer spare"})
    try:
        await row.get_by_text("no longer spare").wait_for(timeout=8000)
    finally:
        site.call("PATCH", f"/api/v1/devices/{devices['spare']}", {"name": "spare gateway"})
        await opened.context.close()


async def test_the_api_may_restart(site, devices, browser, ada):
    opened = await signed_in(browser, site, ada)
    page = opened.page
    await opened.go("/devices")
    await page.wait_for_selector("#live:not(.waiting):not([hidden])")
    site.stop("api")
    await page.wait_for_selector("#live.waiting")
    away = await opened.go("/license")
    assert away.status == 503
    assert "does not answer" in await page.inner_text("main")
    other = await signed_in(browser, site, ada)
    site.start("api")
    await page.get_by_role("heading", name="License").wait_for(timeout=20_000)
    assert (await other.go("/devices")).status == 200
    await opened.context.close()
    await other.context.close()


async def test_the_dashboard_may_restart(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    await opened.go("/")
    site.stop("dashboard")
    site.start("dashboard")
    assert (await opened.go("/devices")).status == 200
    assert await opened.page.inner_text("h1") == "Devices"
    await opened.context.close()
