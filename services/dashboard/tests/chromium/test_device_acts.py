"""What a person does with a device: services, drafts, and the way back."""

from __future__ import annotations

import pytest

from .real_site import OWNER
from .window import signed_in

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


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
