"""Debian's Chromium as a person uses it, and what it complains of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Error

from .picture import look_at

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
SIZES = {"phone": (360, 740), "desktop": (1280, 860), "wide": (1920, 1080)}
THEMES = ("light", "dark")
CONTRAST = "color-contrast"
SCREENS = Path(__file__).parents[4] / "build" / "screens"
# A network of the machine came or went (containers do that): Chromium ends what it was loading.
MOVED = "ERR_NETWORK_CHANGED"
# What is seen beyond the window's right edge and can't be scrolled to within its own box.
_OUTSIDE = """
() => {
  const kept = (one) => ["auto", "scroll", "hidden"].includes(getComputedStyle(one).overflowX);
  const scrolls = (one) => one && one !== document.body
    && (kept(one) || scrolls(one.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.checkVisibility() && !one.closest(".sr, .skip, svg"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one))
    .map((one) => `${one.tagName.toLowerCase()}.${one.className}`).slice(0, 5);
}
"""


@dataclass
class Window:
    """A page with everything that it complained of."""

    context: BrowserContext
    page: Page
    url: str
    size: str
    theme: str
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

    async def overflow(self) -> list[str]:
        """Return how far the page is wider than its window, and what sticks out of it."""
        over = int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )
        outside = [f"{one} sticks out" for one in await self.page.evaluate(_OUTSIDE)]
        return [f"{over} px too wide", *outside] if over else outside

    async def grave(self) -> list[str]:
        """Return what axe finds serious or critical, and whether it looked at contrasts at all."""
        found = (await Axe().run(self.page)).response
        looked = {one["id"] for one in (*found["passes"], *found["violations"])}
        unseen = [] if CONTRAST in looked else [f"axe has not run {CONTRAST}"]
        return unseen + [
            f"{one['id']}: {[node['html'][:160] for node in one['nodes']][:3]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]

    async def photograph(self, name: str) -> list[str]:
        """Keep a picture of the whole page; return what is wrong with it."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        path = SCREENS / f"{name}-{self.size}-{self.theme}.png"
        return await self.judge(await self.page.screenshot(path=path, full_page=True))

    async def judge(self, png: bytes) -> list[str]:
        """Return what is wrong with a picture of this window's page."""
        blank = await self.context.new_page()
        try:
            picture = await look_at(blank, png)
        finally:
            await blank.close()
        return picture.wrong(SIZES[self.size][0], self.theme)


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
    opened = Window(context, page, url, size, theme)

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
