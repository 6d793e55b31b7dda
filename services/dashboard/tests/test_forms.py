"""Forms from elsewhere change nothing; every page says what may be loaded and framed."""

from __future__ import annotations

import pytest

from iotistic_dashboard.web.headers import POLICY

from .conftest import COOKIE, HOST, ORIGIN, Visitor

ACT = "/provisioning-keys"


async def test_a_form_without_the_session_s_token_is_refused(ada, tenant):
    answer = await ada.post(ACT, csrf=None, name="x")
    assert answer.status_code == 403
    assert ("POST", "/api/provisioning-keys") not in [call[:2] for call in tenant.calls]


async def test_a_token_of_another_session_is_refused(ada, tenant):
    other = Visitor(ada.conductor)
    await other.sign_in()
    await other.get("/")
    assert (await ada.post(ACT, csrf=other.csrf, name="x")).status_code == 403


async def test_a_token_of_before_is_refused(ada):
    old = ada.csrf
    await ada.post("/sign-out")
    await ada.sign_in()
    assert (await ada.post(ACT, csrf=old, name="x")).status_code == 403
    await ada.get("/")
    assert ada.csrf != old


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"http://{HOST}", f"https://{HOST}:444", None, f"{ORIGIN}.x"],
)
async def test_a_form_from_another_origin_is_refused(ada, origin):
    assert (await ada.post(ACT, origin=origin, name="x")).status_code == 403


async def test_signing_in_takes_a_token_too(visitor):
    await visitor.get("/sign-in")
    assert (await visitor.post("/sign-in", csrf=None, email="a")).status_code == 403
    assert (await visitor.post("/sign-in", csrf="A" * 43, email="a")).status_code == 403


async def test_without_a_cookie_no_token_is_right(visitor):
    await visitor.get("/sign-in")
    token = visitor.csrf
    del visitor.cookies[COOKIE]
    assert (await visitor.post("/sign-in", csrf=token, email="a")).status_code == 403


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", "{}", 415),
        ("multipart/form-data; boundary=x", "--x--", 415),
        ("application/x-www-form-urlencoded", "a=%ff", 400),
        ("application/x-www-form-urlencoded", "&".join(["a=b"] * 200), 400),
        ("application/x-www-form-urlencoded", f"csrf=x&a={'b' * 70_000}", 413),
        ("application/x-www-form-urlencoded", "a=%00", 422),
    ],
)
async def test_what_is_no_form_is_refused(ada, kind, body, status):
    headers = {"Content-Type": kind, "Origin": ORIGIN}
    assert (await ada._ask("POST", ACT, headers, body=body)).status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_there(ada, method):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN}
    answer = await ada._ask(method, ACT, headers, body=f"csrf={ada.csrf}")
    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/devices", 200), ("/status", 200), ("/nowhere", 404), ("/static/no.js", 404)],
)
async def test_every_answer_forbids_what_isn_t_ours(ada, path, status):
    answer = await ada.get(path)
    assert answer.status_code == status
    told = answer.headers
    assert told["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert (told["x-frame-options"], told["x-content-type-options"]) == ("DENY", "nosniff")
    assert (told["cache-control"], told["referrer-policy"]) == ("no-store", "same-origin")


async def test_two_cookies_of_one_name_are_none(ada):
    ada.cookies = {COOKIE: f"{ada.cookies[COOKIE]}; {COOKIE}={'A' * 43}"}
    assert (await ada.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/sign-in", 403), ("/invitation", 403), ("/theme", 403), ("/nowhere", 404), (ACT, 303)],
)
async def test_a_form_of_another_site_signs_nobody_out(ada, path, status):
    kept = ada.cookies.pop(COOKIE)  # Lax: the browser doesn't send it along
    answer = await ada.post(path, origin="https://evil.example", csrf=None, name="x")
    assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)
    ada.cookies[COOKIE] = kept
    assert (await ada.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/status", 200), ("/nowhere", 404), ("/devices", 303), ("/", 303)]
)
async def test_a_page_without_a_form_for_strangers_gives_no_cookie(visitor, path, status):
    answer = await visitor.get(path)
    assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)


@pytest.mark.parametrize("path", ["/sign-in", "/invitation"])
@pytest.mark.parametrize(
    ("site", "mode", "goal", "given"),
    [
        ("none", "navigate", "document", True),
        ("same-origin", "navigate", "document", True),
        ("same-origin", "cors", "empty", True),
        ("cross-site", "navigate", "document", True),
        ("cross-site", "navigate", "iframe", False),
        ("cross-site", "no-cors", "image", False),
        ("cross-site", "cors", "empty", False),
    ],
)
async def test_a_stranger_gets_a_cookie_where_one_would_have_been_sent(
    visitor, path, site, mode, goal, given
):
    told = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": goal}
    answer = await visitor.get(path, **told)
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, given)


async def test_a_stranger_s_cookie_is_kept(visitor):
    await visitor.get("/sign-in")
    answers = [await visitor.get("/sign-in"), await visitor.post("/sign-in", email="a")]
    assert ["set-cookie" in answer.headers for answer in answers] == [False, False]
