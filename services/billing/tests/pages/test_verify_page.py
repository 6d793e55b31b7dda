"""The link in the mail: shown by GET, used by POST, once, by whoever signed up."""

from datetime import timedelta

import pytest

pytestmark = [
    pytest.mark.real,
    pytest.mark.parametrize("billing", [{"email_verification": True}], indirect=True),
]
PASSWORD = "correct horse battery"
GONE = "This link is no longer good"


async def deploys(billing):
    async with billing.built.database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM work WHERE kind = 'deploy'")
        return (await cursor.fetchone())[0]


async def test_the_link_confirms_in_the_browser_that_signed_up(billing, browser, post):
    await browser.sign_up()
    before = dict(browser.cookies)
    token = await post.token()

    opened = [await browser.get(f"/verify?token={token}") for _ in range(3)]
    untouched = await deploys(billing)
    asked = 'name="password"' in browser.page
    confirmed = await browser.post("/verify", {})
    await browser.get("/status")

    assert [answer.status_code for answer in opened] == [200] * 3
    assert (untouched, asked) == (0, False)
    assert (confirmed.status_code, confirmed.headers["location"]) == (303, "/status")
    assert await deploys(billing) == 1
    assert browser.steps()[:2] == [
        ("Confirm your e-mail address", "done"),
        ("Set up your platform", "current"),
    ]
    assert browser.cookies != before, "the cookie is a new one"


async def test_another_browser_confirms_with_the_password_alone(billing, browser, another, post):
    await browser.sign_up()
    token = await post.token()
    await another.get(f"/verify?token={token}")

    wrong = await another.post("/verify", {"password": "wrong wrong wrong"})
    words = "the password of the sign-up" in another.page
    before = await deploys(billing)
    right = await another.post("/verify", {"password": PASSWORD})

    assert (wrong.status_code, words, before) == (422, True, 0)
    assert (right.status_code, await deploys(billing)) == (303, 1)
    for visitor in (browser, another):
        await visitor.get("/status")
        assert visitor.heading() == "Setting up your platform"


async def test_guessing_the_password_is_counted(browser, another, post):
    await browser.sign_up()
    await another.get(f"/verify?token={await post.token()}")

    codes = [
        (await another.post("/verify", {"password": "wrong wrong wrong"})).status_code
        for _ in range(11)
    ]

    assert codes == [422] * 10 + [429]


async def test_a_wrong_password_at_the_end_of_the_limit_is_told_on_a_page(another, browser, post):
    await browser.sign_up()
    token = await post.token()
    for _ in range(29):
        await another.get(f"/verify?token={token}")
    answer = await another.post("/verify", {"password": "wrong wrong wrong"})

    assert (answer.status_code, another.heading()) == (429, "Too many attempts")
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_link_is_used_once(billing, browser, another, post):
    await browser.sign_up()
    token = await post.token()
    await browser.get(f"/verify?token={token}")
    first_page = browser.page
    await browser.post("/verify", {})

    shown = await another.get(f"/verify?token={token}")
    another.page = first_page.replace("x", "x")
    await another.get("/sign-up")
    replayed = await another.post("/verify", {"token": token, "password": PASSWORD})

    assert (shown.status_code, replayed.status_code) == (404, 404)
    assert another.heading() == GONE
    assert await deploys(billing) == 1


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "%00", "..%2f"])
async def test_a_link_that_never_was_is_no_link(browser, token):
    answer = await browser.get(f"/verify?token={token}")

    assert (answer.status_code, browser.heading()) == (404, GONE)


async def test_a_link_is_over_after_a_day(billing, browser, post):
    await browser.sign_up()
    token = await post.token()
    billing.clock.advance(timedelta(hours=24, seconds=1))

    assert (await browser.get(f"/verify?token={token}")).status_code == 404


async def test_the_newest_link_counts(billing, browser, post):
    await browser.sign_up()
    first = await post.token()
    billing.clock.advance(timedelta(minutes=2))
    await browser.get("/status")
    await browser.post("/status", {})
    second = await post.token()

    answers = [(await browser.get(f"/verify?token={each}")).status_code for each in (first, second)]

    assert first != second
    assert answers == [404, 200]


async def test_the_mail_comes_again_three_times_an_hour_at_most(billing, browser, post):
    await browser.sign_up()
    codes = []
    for _ in range(4):
        billing.clock.advance(timedelta(minutes=2))
        await browser.get("/status")
        codes.append((await browser.post("/status", {})).status_code)

    assert codes == [303, 303, 303, 429]
    assert len(await post.rows()) == 4


async def test_a_link_to_an_address_that_was_changed_meanwhile_proves_nothing(
    billing, browser, post
):
    await browser.sign_up()
    token = await post.token()
    async with billing.built.database.connection() as connection:
        await connection.execute("UPDATE customers SET email = 'new@acme.example'")

    assert (await browser.get(f"/verify?token={token}")).status_code == 404


async def test_looking_links_up_is_counted(browser):
    codes = {(await browser.get(f"/verify?token={number}")).status_code for number in range(30)}
    last = await browser.get("/verify?token=31")

    assert (codes, last.status_code) == ({404}, 429)


async def test_another_customers_password_confirms_nothing(billing, browser, another, post):
    await browser.sign_up()
    token = await post.token()
    await another.sign_up(email="thief@evil.example", password="the thief's own password")
    await another.get(f"/verify?token={token}")
    answer = await another.post("/verify", {"password": "the thief's own password"})

    assert (answer.status_code, await deploys(billing)) == (422, 0)
