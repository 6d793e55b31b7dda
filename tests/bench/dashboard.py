"""The dashboard of a demo tenant in Chromium: what its first page weighs and how fast it is."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import psycopg
from playwright.sync_api import sync_playwright

from tests.bench.figure import Figure
from tests.bench.fleet import SEED
from tests.e2e.conftest import make
from tests.e2e.test_46_a_customer import ARGUMENTS, PASSWORD, link_in_mail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.e2e.demo_site import DemoSite

OWNER, ROUNDS = "owner@acme.example", 10
LISTS = ("/devices", "/devices?sort=-status", "/devices?q=lamp+77", "/devices?status=failing")


def run() -> Iterator[Figure]:
    """Make a site, sign its owner in, look at pages with an empty cache, and remove it."""
    site = make("bench", "127.81.0.0/24")
    try:
        made = site.run()
        if made.returncode:
            raise SystemExit(made.stdout)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=ARGUMENTS
            )
            home, signed_in = _signed_in(site, browser)
            pages = [_first_page(browser, home, signed_in) for _ in range(ROUNDS)]
            yield Figure(
                "dashboard: first page over the wire", max(page[0] for page in pages) / 1000,
                "kB", 200,
            )  # fmt: skip
            ready = statistics.median(page[1] for page in pages)
            yield Figure("dashboard: first page interactive, median", ready, "ms", 1000)
            _seed(site)
            lists = [_list(browser, home, signed_in, path) for path in LISTS for _ in range(3)]
            browser.close()
        yield Figure("dashboard: page of 10,000 devices, slowest", max(lists), "ms", 300)
    finally:
        site.run("destroy")


def _signed_in(site: DemoSite, browser: Browser) -> tuple[str, Any]:
    """Accept the owner's invitation; return the dashboard's address and the browser's cookies."""
    invitation = link_in_mail(site, OWNER, "invitation")
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(invitation)
    page.wait_for_selector("#again")
    for name, value in {"name": "Olivia", "password": PASSWORD, "again": PASSWORD}.items():
        page.fill(f"#{name}", value)
    with page.expect_navigation():
        page.get_by_role("button", name="Make my account").click()
    state = context.storage_state()
    context.close()
    return invitation.partition("/invitation")[0], state


def _first_page(browser: Browser, home: str, signed_in: Any) -> tuple[float, float]:
    """Return bytes over the wire and milliseconds until the page can be used, nothing cached."""
    context = browser.new_context(ignore_https_errors=True, storage_state=signed_in)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{home}/", wait_until="load")
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    page.wait_for_timeout(300)
    context.close()
    return sum(sizes), float(timing["loadEventEnd"])


def _list(browser: Browser, home: str, signed_in: Any, path: str) -> float:
    """Return milliseconds from the request to the last byte of the page."""
    context = browser.new_context(ignore_https_errors=True, storage_state=signed_in)
    context.request.get(f"{home}/devices?limit=1")  # a connection is there, as in a browser's tab
    began = time.monotonic()
    answer = context.request.get(f"{home}{path}")
    taken = (time.monotonic() - began) * 1000
    assert answer.ok, answer.status
    context.close()
    return taken


def _seed(site: DemoSite) -> None:
    """Put 10,000 devices into the tenant's database, beside its own."""
    tenant = site.tenant("acme")
    secret = site.state / "tenants" / tenant.short_id / "secrets/db-password"
    with psycopg.connect(
        host=tenant.address, dbname="iotistic", user="iotistic",
        password=secret.read_text(), sslmode="require", autocommit=True,
    ) as connection:  # fmt: skip
        connection.execute(SEED.replace("FROM devices;", "FROM devices WHERE name LIKE 'lamp %';"))
