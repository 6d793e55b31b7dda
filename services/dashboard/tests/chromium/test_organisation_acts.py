"""Provisioning keys, people and the second factor."""

from __future__ import annotations

import base64
import hmac
import re
import struct
import time

import pytest

from .real_site import ATTACK, OWNER, PASSWORD
from .window import signed_in, window

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]


def totp(secret: str) -> str:
    """The code of now (RFC 6238)."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


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
    assert await opened.overflow() == []
    assert await opened.grave() == []
    assert await opened.photograph("key-made") == []
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
    assert await opened.photograph("invited") == []
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
    assert await opened.photograph("user") == []
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
    assert await opened.photograph("second-factor-new") == []
    await page.fill("#code", "000000")
    await opened.press("Turn it on")
    assert "This code is wrong" in await page.inner_text("main")
    assert await page.locator("code.secret").inner_text() == secret
    await page.fill("#code", totp(secret))
    await opened.press("Turn it on")
    codes = (await page.locator(".codes code").all_inner_texts())[:2]
    assert await opened.photograph("recovery-codes") == []
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
