"""Signing in and out: the cookie, the second factor, where it leads, what is kept."""

from __future__ import annotations

import base64
import sqlite3
import stat

import pytest
from falcon.testing import ASGIConductor

from iotistic_dashboard.testing import PASSWORD, Refusal

from .conftest import COOKIE, Visitor, built


async def test_the_right_password_leads_to_the_fleet(visitor):
    answer = await visitor.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await visitor.get("/")
    assert page.status_code == 200
    assert "3 devices" in page.text


async def test_the_cookie_is_for_this_origin_only_and_no_script_reads_it(visitor):
    answer = await visitor.sign_in()
    cookie = answer.cookies[COOKIE]
    assert (cookie.secure, cookie.http_only, cookie.path, cookie.domain, cookie.same_site) == (
        True, True, "/", None, "Lax",
    )  # fmt: skip
    assert len(base64.urlsafe_b64decode(f"{cookie.value}=")) == 32


async def test_a_cookie_of_before_the_sign_in_is_worth_nothing_after_it(visitor):
    await visitor.get("/sign-in")
    planted = visitor.cookies[COOKIE]
    await visitor.sign_in()
    assert visitor.cookies[COOKIE] != planted
    visitor.cookies[COOKIE] = planted
    assert (await visitor.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_wrong_is_wrong_whatever_was_wrong(visitor, email):
    answer = await visitor.sign_in(email=email, password="wrong")
    assert answer.status_code == 401
    assert "E-mail address or password is wrong." in answer.text
    assert "wrong</" not in answer.text.replace("is wrong.</", "")


async def test_too_many_attempts_say_when_to_try_again(visitor, tenant):
    tenant.answers["POST", "/api/v1/auth/login"] = Refusal(429, "too_many_attempts")
    answer = await visitor.sign_in()
    assert answer.status_code == 429
    assert "tried too often" in answer.text


async def test_the_second_factor_is_a_step_of_its_own(visitor, tenant):
    tenant.second_factor = True
    step = await visitor.follow(await visitor.sign_in(next="/devices"))
    assert "Second factor" in step.text
    assert PASSWORD not in step.text
    again = await visitor.post("/sign-in/second-factor", code="000000")
    assert (again.status_code, "This code is wrong" in again.text) == (401, True)
    done = await visitor.post("/sign-in/second-factor", code=" 123 456 ")
    assert (done.status_code, done.headers["location"]) == (303, "/devices")
    assert (await visitor.get("/devices")).status_code == 200


async def test_the_second_step_alone_is_no_way_in(visitor, tenant):
    tenant.second_factor = True
    await visitor.sign_in()
    assert (await visitor.get("/")).headers["location"] == "/sign-in"
    other = Visitor(visitor.conductor)
    await other.get("/sign-in")
    late = await other.post("/sign-in/second-factor", code="123456")
    assert late.headers["location"] == "/sign-in?note=late"


@pytest.mark.parametrize(
    ("wished", "reached"),
    [
        ("/devices?q=a&sort=name", "/devices?q=a&sort=name"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/%0d%0aSet-Cookie:x", "/%0d%0aSet-Cookie:x"),
        ("javascript:alert(1)", "/"),
        ("devices", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_to_no_other_host(visitor, wished, reached):
    answer = await visitor.sign_in(next=wished)
    assert answer.headers["location"] == reached
    await visitor.get("/")
    back = await visitor.post("/theme", theme="dark", back=wished)
    assert back.headers["location"] == reached


async def test_who_is_sent_to_sign_in_comes_back(visitor):
    sent = await visitor.get("/devices?q=pump")
    assert sent.headers["location"] == "/sign-in?next=%2Fdevices%3Fq%3Dpump"
    answer = await visitor.sign_in(sent.headers["location"], next="/devices?q=pump")
    assert answer.headers["location"] == "/devices?q=pump"


async def test_signing_out_ends_the_session_here_and_at_the_api(ada, tenant):
    cookie = ada.cookies[COOKIE]
    answer = await ada.post("/sign-out")
    assert answer.headers["location"] == "/sign-in?note=out"
    assert ("POST", "/api/v1/auth/logout") in [call[:2] for call in tenant.calls]
    assert COOKIE not in ada.cookies
    ada.cookies[COOKIE] = cookie
    assert (await ada.get("/")).headers["location"] == "/sign-in"


async def test_the_api_is_told_whom_the_dashboard_speaks_for(visitor, tenant):
    await visitor.get("/sign-in")
    await visitor._ask(
        "POST",
        "/sign-in",
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "https://acme.example",
            "User-Agent": "Mozilla/5.0 (Test)",
            "X-Forwarded-For": "10.9.8.7",
        },
        body=f"email=a&password=b&csrf={visitor.csrf}",
    )
    headers = tenant.calls[-1][2]
    assert headers["user-agent"] == "Mozilla/5.0 (Test)"
    assert headers["x-forwarded-for"] == "127.0.0.1", "nobody may choose the address it counts as"


async def test_what_is_kept_is_the_owner_s_alone_and_sealed(ada, tenant, state_dir):
    files = [state_dir / name for name in ("sessions.sqlite", "session-key")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
    kept = b"".join(path.read_bytes() for path in state_dir.glob("sessions.sqlite*"))
    cookie = ada.cookies[COOKIE]
    secrets = [tenant.refresh, *tenant.access, cookie, "ada@example.com"]
    secrets.append(base64.urlsafe_b64decode(f"{cookie}=").hex())
    assert [secret for secret in secrets if secret.encode() in kept] == []


async def test_a_restart_signs_nobody_out(ada, tenant, state_dir):
    async with ASGIConductor(built(tenant, state_dir)) as conductor:
        again = Visitor(conductor, dict(ada.cookies))
        assert (await again.get("/")).status_code == 200


async def test_another_key_opens_nothing(ada, tenant, state_dir):
    (state_dir / "session-key").unlink()
    async with ASGIConductor(built(tenant, state_dir)) as conductor:
        again = Visitor(conductor, dict(ada.cookies))
        assert (await again.get("/")).headers["location"] == "/sign-in"


async def test_a_broken_file_costs_a_sign_in_and_no_more(tenant, state_dir):
    state_dir.mkdir()
    (state_dir / "sessions.sqlite").write_bytes(b"no database" * 400)
    async with ASGIConductor(built(tenant, state_dir)) as conductor:
        await (visitor := Visitor(conductor)).sign_in()
        assert (await visitor.get("/")).status_code == 200
    assert (state_dir / "sessions.sqlite.unreadable").exists()


async def test_an_idle_session_ends(ada, state_dir):
    with sqlite3.connect(state_dir / "sessions.sqlite") as connection:
        connection.execute("UPDATE sessions SET used_at = used_at - 24 * 3600 - 1")
    connection.close()
    assert (await ada.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize("second_factor", [False, True])
async def test_signing_in_over_a_session_ends_it_here_and_at_the_api(ada, tenant, second_factor):
    tenant.second_factor = second_factor
    before, refresh = ada.cookies[COOKIE], tenant.refresh
    fields = {"email": "ada@example.com", "password": PASSWORD}
    answer = await ada.post("/sign-in", **fields)
    if second_factor:
        await ada.follow(answer)
        await ada.post("/sign-in/second-factor", code="123456")
    ended = [call[3] for call in tenant.calls if call[1] == "/api/v1/auth/logout"]
    assert ended == [{"refreshToken": refresh}]
    assert (await ada.get("/")).status_code == 200
    ada.cookies[COOKIE] = before
    assert (await ada.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    ("agent", "sent"),
    [("x" * 299 + " y", "x" * 299), ("  a\tb ", "ab"), ("M\xfcller", "Mller"), (" ", "unknown")],
)
async def test_what_a_browser_calls_itself_can_be_sent_on(ada, tenant, agent, sent):
    answer = await ada.get("/devices", **{"User-Agent": agent})
    assert (answer.status_code, tenant.calls[-1][2]["user-agent"]) == (200, sent)
