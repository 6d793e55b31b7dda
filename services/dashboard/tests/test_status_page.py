"""The page of states against an API that answers, fails, talks rubbish or isn't there."""

import asyncio

import httpx
import pytest

from iotistic_dashboard.tenant import Part, RecentHealth, TenantHealth, health_of

WELL = {"checks": {"database": {"ok": True}, "broker": {"ok": True}}}
BROKEN = {"checks": {"database": {"ok": True}, "broker": {"ok": False, "detail": "<b>down</b>"}}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            httpx.Response(200, json=WELL),
            TenantHealth(True, (Part("broker", True), Part("database", True))),
        ),
        (
            httpx.Response(503, json=BROKEN),
            TenantHealth(True, (Part("broker", False, "<b>down</b>"), Part("database", True))),
        ),
        (httpx.Response(200, text="<html>"), TenantHealth(False)),
        (httpx.Response(200, json={}), TenantHealth(False)),
        (httpx.ConnectError("refused"), TenantHealth(False)),
    ],
)
async def test_what_the_api_says_is_read(answer, expected):
    def respond(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(respond)
    async with httpx.AsyncClient(base_url="https://api", transport=transport) as client:
        assert await health_of(client) == expected


async def test_all_works_without_signing_in(visitor):
    got = await visitor.get("/status")
    assert got.status_code == 200
    assert "All parts work" in got.text


async def test_a_failing_part_is_named_and_why_is_told_to_people_who_are_signed_in(visitor, tenant):
    tenant.health = (503, BROKEN)
    got = await visitor.get("/status")
    assert got.status_code == 503
    assert "broker" in got.text
    assert "down" not in got.text
    await visitor.sign_in()
    assert "&lt;b&gt;down&lt;/b&gt;" in (await visitor.get("/health")).text
    assert got.headers["content-security-policy"].startswith("default-src 'none'")


async def test_an_api_that_is_away(visitor, tenant):
    tenant.away = True
    got = await visitor.get("/status")
    assert got.status_code == 503
    assert "does not answer" in got.text


async def test_the_address_alone_leads_to_signing_in(visitor):
    got = await visitor.get("/")
    assert (got.status_code, got.headers["location"]) == (303, "/sign-in")


async def test_the_api_is_asked_once_in_two_seconds():
    now, asked = 100.0, 0

    async def ask() -> TenantHealth:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return TenantHealth(True, (Part(str(asked), True),))

    recent = RecentHealth(ask, lambda: now)
    assert {one.parts[0].name for one in await asyncio.gather(*(recent() for _ in range(9)))} == {
        "1"
    }
    now = 101.9
    assert (await recent()).parts[0].name == "1"
    now = 102.0
    assert (await recent()).parts[0].name == "2"


async def test_many_visitors_are_one_question(visitor, tenant):
    for _ in range(5):
        await visitor.get("/status")
    assert [call[1] for call in tenant.calls].count("/health/ready") == 1
