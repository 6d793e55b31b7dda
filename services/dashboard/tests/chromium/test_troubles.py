"""What a browser says when a part of a page can't be fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

import iotistic_dashboard

from .window import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.async_api import Route

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

STATIC = Path(iotistic_dashboard.__file__).parent / "static"
PAGE = """<!doctype html><script src="/vendor/htmx.min.js"></script><script src="/app.js" defer>
</script><main><div id="notices" role="status">
</div><button hx-get="/part" hx-swap="none">Look</button></main>"""
FAULT = """<main id="main"><p class="brand">Acme</p><h1>You may not do this</h1>
<p>Ask &lt;b&gt;Ada&lt;/b&gt;.</p><p><a href="/">To the overview</a></p></main>"""


async def test_a_part_that_fails_is_said_once_as_text_until_it_works():
    status = 403

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix("https://acme.example/")
        if path == "part":
            await route.fulfill(status=status, content_type="text/html", body=FAULT)
        elif path:
            await route.fulfill(content_type="text/javascript", path=STATIC / path)
        else:
            await route.fulfill(content_type="text/html", body=PAGE)

    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as browser,
    ):
        page = await browser.new_page()
        page.set_default_timeout(10_000)
        await page.route("https://acme.example/**", answer)
        await page.goto("https://acme.example/")
        for _ in range(2):
            async with page.expect_response("**/part"):
                await page.get_by_role("button").click()
        notices = page.get_by_role("status").locator(".notice")
        await notices.first.wait_for()
        assert await notices.all_inner_texts() == ["You may not do this. Ask <b>Ada</b>."]
        status = 200
        await page.get_by_role("button").click()
        await notices.wait_for(state="detached")
