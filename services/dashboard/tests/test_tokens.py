"""Tokens renewed behind the pages: once, whoever asks; an API that is away or says no."""

from __future__ import annotations

import asyncio
import time

from falcon.testing import ASGIConductor

from iotistic_dashboard.sessions import desk as module

from .conftest import Visitor, built


async def test_many_requests_at_once_renew_once(ada, tenant):
    tenant.expires_in = 900
    await shorten(ada, tenant)
    pages = await asyncio.gather(*(ada.get("/devices") for _ in range(12)))
    assert [page.status_code for page in pages] == [200] * 12
    assert (tenant.refreshes, tenant.ended) == (1, False)


async def test_two_processes_renew_once(ada, tenant, state_dir):
    await shorten(ada, tenant)
    async with ASGIConductor(built(tenant, state_dir)) as conductor:
        other = Visitor(conductor, dict(ada.cookies))
        asked = [who.get("/devices") for who in (ada, other) for _ in range(4)]
        pages = await asyncio.gather(*asked)
    assert [page.status_code for page in pages] == [200] * 8
    assert (tenant.refreshes, tenant.ended) == (1, False)


async def test_a_token_that_the_api_forgot_is_renewed_once(ada, tenant):
    tenant.access.clear()
    pages = await asyncio.gather(*(ada.get("/devices") for _ in range(6)))
    assert [page.status_code for page in pages] == [200] * 6
    assert tenant.refreshes == 1


async def test_a_session_that_the_api_ended_is_over_here(ada, tenant):
    tenant.access.clear()
    tenant.ended = True
    sent = await ada.get("/devices")
    assert sent.headers["location"] == "/sign-in?next=%2Fdevices&note=ended"
    assert "Your session has ended" in (await ada.follow(sent)).text
    assert tenant.refreshes == 1
    await ada.get("/devices")
    assert tenant.refreshes == 1, "an ended session is asked for no more"


async def test_an_api_that_is_away_says_so_and_costs_no_session(ada, tenant):
    tenant.away = True
    page = await ada.get("/devices")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "10"
    assert "does not answer" in page.text
    tenant.away = False
    assert (await ada.get("/devices")).status_code == 200


async def test_a_renewal_while_the_api_is_away_is_tried_again(ada, tenant):
    await shorten(ada, tenant)
    tenant.away = True
    assert (await ada.get("/devices")).status_code == 503
    tenant.away = False
    assert (await ada.get("/devices")).status_code == 200
    assert tenant.refreshes == 1


def test_a_renewal_ends_before_its_claim():
    assert module.CALL < module.CLAIM < 60


async def test_a_renewal_that_hangs_says_so_in_time(ada, tenant, monkeypatch):
    await shorten(ada, tenant)
    renewed = tenant._renewed

    async def hang(_token: str) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "CALL", 0.05)
    monkeypatch.setattr(tenant, "_renewed", hang)
    begun = time.monotonic()
    assert (await ada.get("/devices")).status_code == 503
    assert time.monotonic() - begun < 5
    monkeypatch.setattr(module, "CALL", 4.0)
    monkeypatch.setattr(tenant, "_renewed", renewed)
    assert (await ada.get("/devices")).status_code == 200


async def test_a_role_that_was_taken_is_noticed(ada, tenant):
    assert "Make a key" in await keys(ada, tenant)
    tenant.role = "viewer"
    await ada.get("/account")
    assert "Make a key" not in await keys(ada, tenant)


async def keys(ada: Visitor, tenant) -> str:
    tenant.answers["GET", "/api/provisioning-keys"] = {"items": [], "next": None}
    tenant.answers["GET", "/api/v1/auth/sessions"] = {"items": []}
    return (await ada.get("/provisioning-keys")).text


async def shorten(ada: Visitor, tenant) -> None:
    """Sign in anew with an access token that ends in a moment."""
    tenant.expires_in = 5
    await ada.post("/sign-out")
    await ada.sign_in()
    tenant.expires_in = 900
    tenant.refreshes = 0
