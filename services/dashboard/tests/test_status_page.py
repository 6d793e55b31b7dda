"""The page against an API that answers, fails, talks rubbish or isn't there."""

import httpx
import pytest
from falcon.testing import TestClient

from iotistic_dashboard.app import create_app
from iotistic_dashboard.tenant import Part, TenantHealth, health_of

WELL = {"checks": {"database": {"ok": True}, "broker": {"ok": True}}}
BROKEN = {"checks": {"database": {"ok": True}, "broker": {"ok": False, "detail": "<b>down</b>"}}}


def page(health: TenantHealth):
    async def ask() -> TenantHealth:
        return health

    return TestClient(create_app(ask)).simulate_get("/")


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


def test_all_works():
    got = page(TenantHealth(True, (Part("database", True),)))
    assert got.status_code == 200
    assert "All parts work" in got.text


def test_a_failing_part_is_named_and_its_text_escaped():
    got = page(TenantHealth(True, (Part("broker", False, "<b>down</b>"),)))
    assert got.status_code == 503
    assert "fails: &lt;b&gt;down&lt;/b&gt;" in got.text
    assert got.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_api_that_is_away():
    got = page(TenantHealth(False))
    assert got.status_code == 503
    assert "does not answer" in got.text


def test_the_style_sheet_is_served():
    async def never() -> TenantHealth:
        raise AssertionError

    got = TestClient(create_app(never)).simulate_get("/status.css")
    assert (got.status_code, got.headers["content-type"]) == (200, "text/css; charset=utf-8")
