"""Every page in Chromium, before the real API: seen light and dark, on a phone and on a desk."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import struct
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from .browser import ARGUMENTS, CHROMIUM, SCREENS, SIZES, THEMES, Window, window
from .real_site import OWNER, PASSWORD, RealSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from iotistic_kit.testing import PostgresServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

ATTACK = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
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


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer) -> Iterator[RealSite]:
    with tempfile.TemporaryDirectory(prefix="da-") as folder:
        built = RealSite(Path(folder), postgres_server.create())
        try:
            built.build()
            yield built
        finally:
            built.close()


@pytest.fixture(scope="module")
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
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


async def signed_in(browser: Browser, site: RealSite, ada: Any, **more: Any) -> Window:
    return await window(browser, site.url, storage_state=ada, **more)


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


def totp(secret: str) -> str:
    """The code of now (RFC 6238)."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


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
    if over := await opened.overflow():
        wrong.append(f"{over} px too wide")
    wrong += await opened.grave()
    allowed = "status of 404" if name == "nowhere" else "status of 503" if name == "status" else " "
    wrong += [text for text in opened.complaints if allowed not in text or allowed == " "]
    opened.complaints.clear()
    return wrong


@pytest.mark.timeout(420)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_can_be_shown_to_a_customer(site, devices, browser, ada, size, theme):
    opened = await signed_in(browser, site, ada, size=size, theme=theme)
    SCREENS.mkdir(parents=True, exist_ok=True)
    wrong = {}
    for name, path in PAGES.items():
        if found := await seen(opened, name, path.format(**devices)):
            wrong[name] = found
        await opened.page.screenshot(path=SCREENS / f"{name}-{size}-{theme}.png", full_page=True)
    await opened.context.close()
    opened = await window(browser, site.url, size=size, theme=theme)
    for name, path in OUTSIDE.items():
        if found := await seen(opened, name, path):
            wrong[name] = found
        await opened.page.screenshot(path=SCREENS / f"{name}-{size}-{theme}.png", full_page=True)
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


async def test_a_service_is_stopped_and_given_back(site, devices, browser, ada):
    opened = await signed_in(browser, site, ada)
    await opened.go(f"/devices/{devices['weather']}/services")
    await opened.page.click("#stop-demo-web")
    await opened.page.get_by_text(f"by {OWNER}").wait_for()
    assert "web is to stop." in await opened.page.inner_text("#notices")
    assert "The inventory says: running" in await opened.page.inner_text("#services")
    await opened.page.click("#give-back-demo-web")
    await opened.page.get_by_text("web is given back to the inventory.").wait_for()
    assert await opened.page.get_by_text(f"by {OWNER}").count() == 0
    assert opened.complaints == []
    await opened.context.close()


async def test_a_draft_is_compared_deployed_and_rolled_back(site, devices, browser, ada):
    opened = await signed_in(browser, site, ada)
    page, at = opened.page, f"/devices/{devices['weather']}/deploy"
    await opened.go(at)
    text = await page.input_value("#spec")
    await page.fill("#spec", "{not json")
    await opened.press("Save the draft and compare")
    assert "This isn't JSON" in await page.inner_text("main")
    opened.complaints.clear()  # it answers 422, which the console tells
    assert await page.input_value("#spec") == "{not json"
    await page.fill("#spec", text.replace("collector:2.4", "collector:2.5"))
    await opened.press("Save the draft and compare")
    assert "collector:2.5" in await page.inner_text(".diff")
    await opened.press("Deploy to weather mast")
    assert "The draft is in force" in await page.inner_text("#notices")
    await page.get_by_role("link", name="Go back to it").last.click()
    question = page.locator("#ask[open]")
    await question.wait_for()
    assert "weather mast" in await question.inner_text()
    async with page.expect_navigation():
        await question.get_by_role("button").click()
    assert "is in force again" in await page.inner_text("#notices")
    assert "collector:2.4" in await page.input_value("#spec")
    assert opened.complaints == []
    await opened.context.close()


async def test_a_key_is_shown_once_and_revoked(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    page = opened.page
    await opened.go("/provisioning-keys")
    await page.fill("#name", ATTACK[:100])
    await opened.press("Make the key")
    shown = await page.inner_text("main")
    string = re.search(r"iotp1\.[\w-]+\.[\w-]+\.[\w-]+@[\d.:]+", shown)
    assert string
    assert "| sudo iotctl provision" in shown
    assert await page.locator("svg.qr path").count() >= 1
    assert await opened.overflow() == 0
    assert await opened.grave() == []
    await page.screenshot(path=SCREENS / "key-made-desktop-light.png", full_page=True)
    await opened.go("/provisioning-keys")
    assert string[0].split(".")[2] not in await page.content()
    await page.get_by_role("link", name="Revoke").first.click()
    question = page.locator("#ask[open]")
    await question.wait_for()
    async with page.expect_navigation():
        await question.get_by_role("button", name="Revoke the key").click()
    assert "is revoked." in await page.inner_text("#notices")
    assert await page.title() != "owned"
    assert opened.complaints == []
    await opened.context.close()


async def test_somebody_is_invited_given_another_role_and_removed(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    page = opened.page
    await opened.go("/users")
    await page.fill("#email", "grace@example.com")
    await page.select_option("#role", "operator")
    await opened.press("Invite")
    link = re.search(r"https://\S+/invitation#\S+", await page.inner_text("main"))
    assert link
    await page.screenshot(path=SCREENS / "invited-desktop-light.png", full_page=True)
    grace = await window(browser, site.url, size="phone")
    await grace.go(link[0].removeprefix(site.url))
    await grace.page.wait_for_selector("#name")
    for field, value in (("name", "Grace"), ("password", PASSWORD * 2), ("again", PASSWORD * 2)):
        await grace.page.fill(f"#{field}", value)
    await grace.press("Make my account")
    await grace.go("/devices")
    assert await grace.page.get_by_role("link", name="Add devices").count() == 0
    await opened.go("/users")
    await page.get_by_role("link", name="Grace").click()
    await page.get_by_label("Manager").check()
    await opened.press("Save the role")
    assert "Grace is manager now." in await page.inner_text("#notices")
    await page.screenshot(path=SCREENS / "user-desktop-light.png", full_page=True)
    assert await opened.grave() == []
    await page.get_by_role("link", name="Remove").click()
    await page.locator("#ask[open]").wait_for()
    async with page.expect_navigation():
        await page.locator("#ask").get_by_role("button", name="Remove Grace").click()
    assert "Grace is removed." in await page.inner_text("#notices")
    await grace.go("/devices")
    assert await grace.page.inner_text("h1") == "Sign in"
    await grace.context.close()
    await opened.context.close()


async def test_a_second_factor_is_turned_on_asked_for_and_turned_off(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    page = opened.page
    await opened.go("/account")
    await page.locator("#factor-title").wait_for()
    await page.fill("#password", PASSWORD)
    await opened.press("Turn it on")
    secret = await page.locator("code.secret").inner_text()
    assert await page.locator("svg.qr").count() == 1
    await page.screenshot(path=SCREENS / "second-factor-new-desktop-light.png", full_page=True)
    await page.fill("#code", "000000")
    await opened.press("Turn it on")
    assert "This code is wrong" in await page.inner_text("main")
    assert await page.locator("code.secret").inner_text() == secret
    await page.fill("#code", totp(secret))
    await opened.press("Turn it on")
    codes = (await page.locator(".codes code").all_inner_texts())[:2]
    await page.screenshot(path=SCREENS / "recovery-codes-desktop-light.png", full_page=True)
    assert await opened.grave() == []
    other = await window(browser, site.url, java_script_enabled=False)
    await other.sign_in(OWNER, PASSWORD)
    assert await other.page.inner_text("h1") == "Second factor"
    await other.page.fill("#code", codes[0])
    await other.press("Sign in")
    assert await other.page.inner_text("h1") == "Overview"
    await other.context.close()
    await opened.go("/account")
    await page.fill("#password", PASSWORD)
    await page.fill("#code", codes[1])
    await opened.press("Turn it off")
    assert "The second factor is off." in await page.inner_text("#notices")
    await opened.context.close()


async def test_the_keyboard_reaches_everything(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    page = opened.page
    await opened.go("/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert await page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(6):
        await page.keyboard.press("Tab")
        assert await page.evaluate(outline) == "solid"
    await opened.context.close()


async def test_no_page_can_be_framed(site, browser, ada):
    opened = await signed_in(browser, site, ada)
    await opened.page.set_content(f'<iframe src="{site.url}/status" id="f"></iframe>')
    await asyncio.sleep(1)
    frames = [frame.url for frame in opened.page.frames[1:]]
    assert not any(url.startswith(site.url) for url in frames), frames
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
