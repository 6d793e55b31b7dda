"""The page of states against an API that answers, fails, talks rubbish or isn't there."""

import httpx
import pytest

from iotistic_dashboard.tenant import Part, TenantHealth, health_of

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


async def test_a_failing_part_is_named_and_its_text_escaped(visitor, tenant):
    tenant.health = (503, BROKEN)
    got = await visitor.get("/status")
    assert got.status_code == 503
    assert "fails: &lt;b&gt;down&lt;/b&gt;" in got.text
    assert got.headers["content-security-policy"].startswith("default-src 'none'")


async def test_an_api_that_is_away(visitor, tenant):
    tenant.away = True
    got = await visitor.get("/status")
    assert got.status_code == 503
    assert "does not answer" in got.text


async def test_the_address_alone_leads_to_signing_in(visitor):
    got = await visitor.get("/")
    assert (got.status_code, got.headers["location"]) == (303, "/sign-in")
