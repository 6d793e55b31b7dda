"""Debian's Chromium as a person uses it, and what it complains of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Error

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, Response

    from .real_site import RealSite

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # HTTP/2 sessions end whenever a network of the machine comes or goes, as containers have it.
    "--disable-http2",
]  # fmt: skip
SIZES = {"phone": (360, 740), "desktop": (1280, 860)}
THEMES = ("light", "dark")
SCREENS = Path(__file__).parents[4] / "build" / "screens"
# A network of the machine came or went (containers do that): Chromium ends what it was loading.
MOVED = "ERR_NETWORK_CHANGED"


@dataclass
class Window:
    """A page with everything that it complained of."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> Response:
        """Go to a path; again when a network of the machine changed meanwhile."""
        for _ in range(10):
            try:
                answer = await self.page.goto(f"{self.url}{path}", wait_until="load")
            except Error as exc:
                if MOVED not in str(exc) and "interrupted" not in str(exc):
                    raise
                await asyncio.sleep(0.5)
            else:
                assert answer is not None
                return answer
        raise AssertionError(f"the machine's networks don't rest: {path}")

    async def sign_in(self, email: str, password: str) -> None:
        """Sign in by the form."""
        await self.go("/sign-in")
        await self.page.fill("#email", email)
        await self.page.fill("#password", password)
        await self.press("Sign in")

    async def press(self, name: str, **more: Any) -> None:
        """Press a button that leads to another page."""
        async with self.page.expect_navigation(wait_until="load"):
            await self.page.get_by_role("button", name=name, **more).first.click()

    async def overflow(self) -> int:
        """Return how many pixels the page is wider than its window."""
        return int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    async def grave(self) -> list[str]:
        """Return what axe finds serious or critical."""
        found = await Axe().run(self.page)
        return [
            f"{one['id']}: {[node['html'][:160] for node in one['nodes']][:3]}"
            for one in found.response["violations"]
            if one["impact"] in {"serious", "critical"}
        ]


async def window(
    browser: Browser, url: str, *, size: str = "desktop", theme: str = "light", **more: Any
) -> Window:
    """Open a window; whatever its console or its policy says against it is noted."""
    width, height = SIZES[size]
    context = await browser.new_context(
        ignore_https_errors=True,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        **more,
    )
    page = await context.new_page()
    opened = Window(context, page, url)

    def complain(text: str) -> None:
        if MOVED not in text and text != "[object Event]":
            opened.complaints.append(text)

    page.on("console", lambda said: complain(said.text) if said.type in _BAD else None)
    page.on("pageerror", lambda error: complain(str(error)))
    return opened


async def signed_in(browser: Browser, site: RealSite, ada: Any, **more: Any) -> Window:
    """Open a window in the session of Ada, the owner."""
    return await window(browser, site.url, storage_state=ada, **more)


_BAD = {"error", "warning"}
