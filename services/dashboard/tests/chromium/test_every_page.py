"""Every page before the real API: light and dark, on a phone, on a desk, without scripts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from .real_site import OWNER, PASSWORD
from .window import SIZES, THEMES, signed_in, window

if TYPE_CHECKING:
    from .window import Window

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

PAGES = {
    "overview": "/",
    "devices": "/devices",
    "devices-none": "/devices?q=nothing-is-called-so",
    "device": "/devices/{pump}",
    "device-hostile": "/devices/{hostile}",
    "device-new": "/devices/{spare}",
    "services": "/devices/{pump}/services",
    "services-hostile": "/devices/{hostile}/services",
    "service": "/devices/{pump}/services/demo/web",
    "deploy": "/devices/{pump}/deploy",
    "deploy-hostile": "/devices/{hostile}/deploy",
    "metrics": "/devices/{pump}/metrics",
    "metrics-none": "/devices/{spare}/metrics",
    "logs": "/devices/{pump}/logs",
    "logs-hostile": "/devices/{hostile}/logs",
    "logs-none": "/devices/{spare}/logs",
    "events": "/devices/{pump}/events",
    "events-hostile": "/devices/{hostile}/events",
    "settings": "/devices/{pump}/settings",
    "settings-hostile": "/devices/{hostile}/settings",
    "remove": "/devices/{hostile}/remove",
    "keys": "/provisioning-keys",
    "users": "/users",
    "license": "/license",
    "audit": "/audit",
    "health": "/health",
    "account": "/account",
    "nowhere": "/nowhere",
}
OUTSIDE = {"sign-in": "/sign-in", "invitation": "/invitation", "status": "/status"}


async def seen(opened: Window, name: str, path: str) -> list[str]:
    """Look at a page; everything that is wrong with it."""
    answer = await opened.go(path)
    await asyncio.sleep(0.3)
    page, wrong = opened.page, []
    if answer.status >= 500 and name != "status":
        wrong.append(f"answered {answer.status}")
    if await page.title() == "owned" or await page.locator("main img").count():
        wrong.append("text from a device became HTML")
    if len((await page.inner_text("main")).strip()) < 40:
        wrong.append("it is empty")
    wrong += await opened.overflow()
    wrong += await opened.grave()
    wrong += await opened.photograph(name)
    allowed = "status of 404" if name == "nowhere" else "status of 503" if name == "status" else " "
    wrong += [text for text in opened.complaints if allowed not in text or allowed == " "]
    opened.complaints.clear()
    return wrong


@pytest.mark.timeout(420)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_can_be_shown_to_a_customer(site, devices, browser, ada, size, theme):
    opened = await signed_in(browser, site, ada, size=size, theme=theme)
    wrong = {}
    for name, path in PAGES.items():
        if found := await seen(opened, name, path.format(**devices)):
            wrong[name] = found
    await opened.context.close()
    opened = await window(browser, site.url, size=size, theme=theme)
    for name, path in OUTSIDE.items():
        if found := await seen(opened, name, path):
            wrong[name] = found
    await opened.context.close()
    assert wrong == {}


async def test_reading_and_signing_in_work_without_scripts(site, devices, browser, ada):
    opened = await window(browser, site.url, java_script_enabled=False, size="phone")
    await opened.sign_in(OWNER, PASSWORD)
    assert await opened.page.inner_text("h1") == "Overview"
    for path, text in [
        ("/devices?q=pump", "pump-station-north"),
        (f"/devices/{devices['pump']}", "Up to date"),
        (f"/devices/{devices['pump']}/metrics", "Processor"),
        ("/license", "Professional"),
        ("/users", OWNER),
    ]:
        await opened.go(path)
        assert text in await opened.page.inner_text("main"), path
    await opened.page.get_by_role("button", name="Menu").click()
    await opened.press("Dark colours")
    assert await opened.page.get_attribute("html", "data-theme") == "dark"
    await opened.page.get_by_role("button", name="Menu").click()
    await opened.press("Sign out")
    assert "You are signed out." in await opened.page.inner_text("main")
    await opened.context.close()
