"""The keyboard reaches everything; other sites reach nothing."""

from __future__ import annotations

import asyncio

import pytest

from .window import signed_in

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_the_keyboard_reaches_everything(site, devices, browser, ada):
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
