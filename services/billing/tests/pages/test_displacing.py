"""Sources and their shares, and addresses that somebody else typed first."""

import asyncio
from datetime import timedelta

import pytest

from iotistic_billing.storage.visits import Visit
from iotistic_billing.usecases.passwords import Passwords

pytestmark = [
    pytest.mark.real,
    pytest.mark.parametrize("billing", [{"email_verification": True}], indirect=True),
]
THEIRS = {"password": "the thief's own password", "company_name": "Thieves", "full_name": "T."}
API_FORM = {"password": "x" * 12, "company_name": "A", "full_name": "B"}
OWN = "correct horse battery"


async def rows(billing, sql):
    async with billing.built.database.connection() as connection:
        return await (await connection.execute(sql)).fetchall()


async def sign_up(billing, email, source):
    body = API_FORM | {"email": email}
    answer = await billing.call("POST", "/api/customers/signup", body, token=None, source=source)
    return answer.status_code


async def test_three_of_a_source_wait_and_another_source_goes_on(billing):
    async def one(number, source="203.0.113.7"):
        return await sign_up(billing, f"o{number}@acme.example", source)

    codes = [await one(number) for number in range(4)]
    elsewhere = await one(5, "203.0.113.8")
    await rows(billing, "UPDATE customers SET email_verified_at = now() RETURNING id")
    proved = await one(6)

    assert (codes, elsewhere, proved) == ([201, 201, 201, 429], 201, 201)


async def test_a_site_with_many_ipv6_addresses_is_one_source(billing, browser, another):
    sites = ["2001:db8:1:2::1", "2001:db8:1:2:a::1", "2001:db8:1:2:b::1"]
    codes = [await sign_up(billing, f"o{n}@acme.example", each) for n, each in enumerate(sites)]
    browser.address, another.address = "2001:db8:1:2:c::1", "2001:db8:1:3::1"
    refused, taken = await browser.sign_up(), await another.sign_up()

    assert codes == [201] * 3
    assert (refused.status_code, taken.status_code) == (429, 303)
    found = await rows(billing, "SELECT DISTINCT source FROM attempts WHERE action = 'signup'")
    assert {row[0] for row in found} == {"2001:db8:1:2::/64", "2001:db8:1:3::/64"}


async def test_links_and_passwords_are_counted_by_the_64_too(billing, browser):
    credentials = {"email": "o@acme.example", "password": OWN}
    await billing.call(
        "POST", "/api/customers/login", credentials, token=None, source="2001:db8::1:1"
    )
    browser.address = "2001:db8::2:1"
    await browser.get("/verify?token=x")

    found = await rows(billing, "SELECT action, source FROM attempts ORDER BY action")
    assert found == [
        ("link", "2001:db8::/64"),
        ("login_address", "2001:db8::/64"),
        ("login_email", "o@acme.example"),
    ]


async def test_who_reads_the_mail_has_the_address_whoever_typed_it_first(
    billing, browser, another, post
):
    await another.sign_up(**THEIRS)
    planted = await post.token()
    credentials = {"email": "owner@acme.example", "password": THEIRS["password"]}
    session = await billing.call("POST", "/api/customers/login", credentials, token=None)
    before = (await rows(billing, "SELECT id FROM customers"))[0][0]
    await browser.sign_up()

    token = await post.token()
    old = (await browser.get(f"/verify?token={planted}")).status_code
    asked = await another.get(f"/verify?token={token}")
    wrong = await another.post("/verify", {"password": THEIRS["password"]})
    await browser.get(f"/verify?token={token}")
    named, own = "Acme Pumps" in browser.page, 'name="password"' not in browser.page
    confirmed = await browser.post("/verify", {})

    assert (old, named, own, confirmed.status_code) == (404, True, True, 303)
    assert ('name="password"' in asked.text, wrong.status_code) == (True, 422)
    assert (await another.get("/status")).headers["location"] == "/sign-up"
    stale = await billing.call("GET", f"/api/customers/{before}", token=session.json["token"])
    assert stale.status_code == 401
    credentials["password"] = OWN
    now = await billing.call("POST", "/api/customers/login", credentials, token=None)
    audited = await rows(
        billing,
        "SELECT customer_id, facts->>'source' FROM audit_log WHERE action = 'sign_up_replaced'",
    )
    assert audited == [(before, "203.0.113.7")]
    made = await rows(billing, "SELECT id, company_name, full_name FROM customers")
    assert made == [(now.json["customer_id"], "Acme Pumps", "A. Owner")]


async def test_an_address_that_was_proved_or_is_an_operators_is_kept(billing, browser, another):
    await browser.sign_up()
    await rows(billing, "UPDATE customers SET email_verified_at = now() RETURNING id")
    body = {"company_name": "Valves", "plan": "starter", "email": "o@valves.example"}
    await billing.call("PUT", "/api/customers/by-external-id/valves", body)
    kept = await rows(billing, "SELECT id, company_name FROM customers ORDER BY id")
    for email in ("owner@acme.example", "o@valves.example"):
        assert (await another.sign_up(email=email, **THEIRS)).status_code == 303

    assert await rows(billing, "SELECT id, company_name FROM customers ORDER BY id") == kept


async def test_a_source_uses_up_no_mail_of_another(billing, browser, hasher, post):
    billing.built.parts.accounts._passwords = Passwords(hasher, "nobody's")
    victim, sources = "owner@acme.example", [f"198.51.100.{number}" for number in range(11)]
    codes = [await sign_up(billing, victim, source) for source in sources for _ in range(5)]
    billing.clock.advance(timedelta(hours=1, seconds=1))
    theirs = await post.token()
    more = await sign_up(billing, victim, sources[0])
    unmailed = await post.token()
    for _ in range(3):
        await browser.sign_up()
    own = await post.token()
    opened = await browser.get(f"/verify?token={own}")

    assert codes == [201] * 50 + [201] * 3 + [409] * 2
    assert (more, unmailed == theirs, own == theirs) == (409, True, False)
    assert (opened.status_code, "Acme Pumps" in browser.page) == (200, True)


async def test_sign_ups_at_once_take_each_others_place_and_one_stays(billing, hasher, post):
    billing.built.parts.accounts._passwords = Passwords(hasher, "nobody's")
    sources = [f"198.51.100.{number}" for number in range(4)]
    codes = await asyncio.gather(*(sign_up(billing, "o@acme.example", each) for each in sources))

    assert codes == [201] * 4
    assert await rows(billing, "SELECT count(*) FROM customers") == [(1,)]
    assert [row[:2] for row in await post.rows()] == [("verify", "o@acme.example")]


async def test_a_visit_outlives_the_sign_up_that_was_replaced_before_it_began(billing, browser):
    gone = Visit("cust_" + "0" * 32, "owner@acme.example")
    browser.cookies["__Host-iotistic-visit"] = await billing.built.parts.visitors._opened(gone)
    await browser.get("/status")

    assert browser.heading() == "Check your mail"


async def test_a_sign_up_that_an_operator_suspended_is_kept(billing, browser, another):
    await browser.sign_up()
    await rows(billing, "UPDATE customers SET suspended = true RETURNING id")
    kept = await rows(billing, "SELECT id, company_name FROM customers")
    await another.sign_up(**THEIRS)

    assert await rows(billing, "SELECT id, company_name FROM customers") == kept


async def test_sign_ups_at_once_of_a_source_are_three(billing, hasher):
    billing.built.parts.accounts._passwords = Passwords(hasher, "nobody's")
    emails = [f"o{number}@acme.example" for number in range(5)]
    codes = await asyncio.gather(*(sign_up(billing, each, "203.0.113.7") for each in emails))

    assert sorted(codes) == [201] * 3 + [429] * 2


async def test_asking_for_mail_again_is_counted_for_each_source(billing, browser, another):
    body = {"company_name": "Acme", "plan": "starter", "email": "owner@acme.example"}
    await billing.call("PUT", "/api/customers/by-external-id/acme", body)
    await browser.sign_up()
    await another.sign_up()
    codes = []
    for visitor in (another, another, another, another, browser):
        await visitor.get("/status")
        codes.append((await visitor.post("/status", {})).status_code)

    assert codes == [303] * 3 + [429, 303]
