"""The form to sign up: what it takes, what it refuses, and what it doesn't tell."""

import re
from datetime import timedelta

import pytest

from iotistic_billing.resources.pages.sign_up import rest_of_tick

pytestmark = pytest.mark.real
VERIFYING = pytest.mark.parametrize("billing", [{"email_verification": True}], indirect=True)
EVERYTHING = "SELECT coalesce(string_agg(t::text, ''), '') FROM {} t"
ROWS = "SELECT count(*) FROM {}"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


async def count(billing, sql):
    async with billing.built.database.connection() as connection:
        return (await (await connection.execute(sql)).fetchone())[0]


@VERIFYING
async def test_a_sign_up_leads_to_the_status_page_and_a_mail(billing, browser, post):
    answer = await browser.sign_up(email=" Owner@ACME.example ")
    await browser.get("/status")

    assert (answer.status_code, answer.headers["location"]) == (303, "/status")
    assert browser.heading() == "Check your mail"
    assert "owner@acme.example" in browser.page
    assert browser.steps() == [
        ("Confirm your e-mail address", "current"),
        ("Set up your platform", "waiting"),
        ("Send your invitation", "waiting"),
    ]
    ((kind, recipient, link),) = await post.rows()
    assert (kind, recipient) == ("verify", "owner@acme.example")
    assert re.fullmatch(r"https://billing\.example/verify\?token=[\w-]{43}", link)
    assert await count(billing, "SELECT count(*) FROM work WHERE kind = 'deploy'") == 0


@VERIFYING
async def test_the_api_sends_the_same_mail(billing, post):
    form = {"email": "a@b.example", "password": "x" * 12, "company_name": "A", "full_name": "B"}
    answer = await billing.call("POST", "/api/customers/signup", form, token=None)

    assert (answer.status_code, answer.json["deployment"]) == (201, None)
    assert [row[:2] for row in await post.rows()] == [("verify", "a@b.example")]


async def test_without_verification_the_tenant_is_set_up_at_once(browser, billing, post):
    await browser.sign_up()
    await browser.get("/status")

    assert browser.heading() == "Setting up your platform"
    assert browser.steps() == [
        ("Set up your platform", "current"),
        ("Send your invitation", "waiting"),
    ]
    assert await post.rows() == []
    assert await count(billing, "SELECT count(*) FROM work WHERE kind = 'deploy'") == 1


@VERIFYING
async def test_no_token_stands_in_the_database_in_the_clear(billing, browser, post):
    await browser.sign_up()
    secrets = [await post.token(), browser.cookies["__Host-iotistic-visit"]]

    tables = ["outbox", "email_verifications", "visits", "work", "audit_log", "attempts"]
    for table in tables:
        text = await count(billing, EVERYTHING.format(table))
        for secret in secrets:
            assert secret not in text
            assert secret.encode().hex() not in text


@VERIFYING
async def test_known_and_new_addresses_get_the_same_pages(billing, browser, another, post):
    seen = []
    for visitor in (browser, another):
        answer = await visitor.sign_up()
        pages = [(await visitor.get("/status")).text]
        again = await visitor.post("/status", {})
        pages.append((await visitor.get(again.headers["location"])).text)
        told = [re.sub(r'name="csrf" value="[^"]*"', "", page) for page in pages]
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        seen.append((answer.status_code, headers, again.status_code, again.headers, told))

    assert seen[0] == seen[1]
    assert await count(billing, "SELECT count(*) FROM customers") == 1
    assert len(await post.rows()) == 1, "a second mail within the minute"


@VERIFYING
async def test_the_owner_of_a_known_address_is_told_by_mail_a_few_times(billing, browser, post):
    body = {"company_name": "Acme", "plan": "starter", "email": "owner@acme.example"}
    await billing.call("PUT", "/api/customers/by-external-id/acme", body)

    for _ in range(7):
        await browser.sign_up()
        billing.clock.advance(timedelta(minutes=20))

    assert [row[:2] for row in await post.rows()] == [("known", "owner@acme.example")] * 5


def test_an_answer_takes_a_whole_number_of_ticks():
    assert [round(rest_of_tick(each), 3) for each in (0.0, 0.1, 0.399, 0.5)] == [
        0.4,
        0.3,
        0.001,
        0.3,
    ]


@VERIFYING
async def test_what_people_type_is_shown_as_they_typed_it_and_runs_nowhere(browser, another, post):
    await browser.sign_up(company_name=HOSTILE, full_name=HOSTILE, password="short")
    refused = browser.page
    await browser.sign_up(company_name=HOSTILE, full_name=HOSTILE)
    await another.get(f"/verify?token={await post.token()}")

    for page in (refused, another.page):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "{{7*7}}" in page
        assert not re.search(r"<script>|<img src=x", page)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": "nobody"}, "Enter an address such as"),
        ({"email": "a,b@acme.example"}, "Enter an address such as"),
        ({"email": "a@b.example\r\nBcc: x@y.example"}, "Enter an address such as"),
        ({"password": "short"}, "Use 12 to 200 characters."),
        ({"company_name": "  "}, "Enter a name of at most 200"),
    ],
)
async def test_a_bad_entry_is_named_beside_its_field_and_the_rest_is_kept(browser, changes, words):
    answer = await browser.sign_up(**changes)

    assert answer.status_code == 422
    (name,) = changes
    assert f'id="{name}-fault">{words}' in browser.page
    assert f'aria-describedby="{name}-fault' in browser.page
    assert 'value="A. Owner"' in browser.page
    assert "correct horse battery" not in browser.page
    assert "<title>Error: Sign up" in browser.page


async def test_an_entry_that_the_form_does_not_have_is_refused(browser, billing):
    answer = await browser.sign_up(plan="enterprise")

    assert answer.status_code == 422
    assert await count(billing, "SELECT count(*) FROM customers") == 0


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://billing.example"])
async def test_a_form_from_elsewhere_does_nothing(browser, billing, origin):
    await browser.get("/sign-up")
    answer = await browser.post(
        "/sign-up",
        {
            "email": "a@b.example",
            "password": "x" * 12,
            "company_name": "A",
            "full_name": "B",
        },
        origin=origin,
    )

    assert answer.status_code == 403
    assert await count(billing, "SELECT count(*) FROM customers") == 0


@pytest.mark.parametrize("how", ["none", "another browser's", "no cookie", "planted"])
async def test_a_form_without_the_browsers_own_token_does_nothing(browser, another, billing, how):
    await another.get("/sign-up")
    theirs = re.search(r'name="csrf" value="([^"]*)"', another.page).group(1)
    await browser.get("/sign-up")
    if how == "no cookie":
        browser.cookies.clear()
    elif how == "planted":
        browser.cookies["__Host-iotistic-visit"] = theirs
    given = {"none": "", "another browser's": theirs, "planted": theirs}
    fields = {"csrf": given[how]} if how in given else {}
    form = {"email": "a@b.example", "password": "x" * 12, "company_name": "A", "full_name": "B"}
    answer = await browser.post("/sign-up", form | fields)

    assert (answer.status_code, browser.heading()) == (403, "This form isn't taken")
    assert await count(billing, "SELECT count(*) FROM customers") == 0


async def test_five_an_hour_and_address_together_with_the_api(billing, browser):
    form = {"password": "x" * 12, "company_name": "A", "full_name": "B"}
    codes = [
        (await browser.sign_up(email=f"o{number}@acme.example")).status_code for number in range(3)
    ]
    for number in range(3, 5):
        answer = await billing.conductor.simulate_post(
            "/api/customers/signup",
            json=form | {"email": f"o{number}@acme.example"},
            remote_addr=browser.address,
        )
        codes.append(answer.status_code)
    refused = await browser.sign_up(email="o6@acme.example")
    known = await browser.sign_up(email="o1@acme.example")

    assert codes == [303, 303, 303, 201, 201]
    assert (refused.status_code, known.status_code) == (429, 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 3601
    assert browser.heading() == "Too many attempts"


async def test_a_service_that_is_busy_says_so_on_a_page(billing, browser):
    passwords = billing.built.parts.accounts._passwords
    passwords._wait = 0.05
    async with passwords._slots, passwords._slots:
        answer = await browser.sign_up()

    assert (answer.status_code, browser.heading()) == (503, "Not just now")
    assert int(answer.headers["Retry-After"]) >= 1
    assert await count(billing, "SELECT count(*) FROM customers") == 0


@VERIFYING
async def test_a_sign_up_that_nobody_confirms_is_forgotten_with_its_link(billing, browser):
    await browser.sign_up()
    billing.clock.advance(timedelta(hours=23))
    await billing.built.parts.verification.forget_old()
    kept = await count(billing, "SELECT count(*) FROM customers")
    await browser.get("/status")
    await browser.post("/status", {})
    billing.clock.advance(timedelta(hours=1))
    await billing.built.parts.verification.forget_old()
    kept_for_newer_link = await count(billing, "SELECT count(*) FROM customers")
    billing.clock.advance(timedelta(hours=23))
    await billing.built.parts.verification.forget_old()

    assert (kept, kept_for_newer_link) == (1, 1)
    for table in ("customers", "outbox", "visits", "email_verifications"):
        assert await count(billing, ROWS.format(table)) == 0
    assert (await browser.sign_up()).status_code == 303


async def test_every_page_forbids_what_it_does_not_need(browser):
    seen = [await browser.get("/sign-up"), await browser.get("/verify?token=x")]
    await browser.sign_up()
    seen.append(await browser.get("/status"))

    for answer in seen:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)
    cookie = seen[0].cookies["__Host-iotistic-visit"]
    assert (cookie.secure, cookie.http_only, cookie.path, cookie.same_site) == (
        True,
        True,
        "/",
        "Lax",
    )


async def test_the_pages_files_are_there(browser):
    await browser.sign_up()
    await browser.get("/status")
    urls = re.findall(r'(?:href|src)="(/assets/[^"]+)"', browser.page)

    answers = [await browser.get(url) for url in urls]
    missing = await browser.get("/assets/..%2fapp.py")

    assert {url.partition("?")[0] for url in urls} == {
        "/assets/billing.css",
        "/assets/icon.svg",
        "/assets/status.js",
    }
    assert {answer.status_code for answer in answers} == {200}
    assert missing.status_code == 404
