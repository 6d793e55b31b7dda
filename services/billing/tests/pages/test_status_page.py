"""The status page: what it shows at each step, and to whom."""

import pytest

from iotistic_billing.storage.mail import PostgresInvitations

pytestmark = pytest.mark.real


async def run(billing, sql, *parameters):
    async with billing.built.database.connection() as connection:
        await connection.execute(sql, parameters)


async def test_a_browser_that_has_not_signed_up_is_led_to_the_form(browser):
    for cookie in ("", "nonsense", "x" * 1000):
        browser.cookies = {"__Host-iotistic-visit": cookie} if cookie else {}
        answer = await browser.get("/status")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-up")


async def test_the_page_follows_the_tenant_to_its_dashboard(billing, browser):
    await browser.sign_up()
    seen = []

    async def look():
        await browser.get("/status")
        seen.append((browser.heading(), 'http-equiv="refresh"' in browser.page))

    await run(
        billing,
        "UPDATE work SET status = 'running', lease_until = now() + interval '1 minute',"
        """ fence = 1, progress = '{"done": 3, "total": 12, "task": "A secret task"}'""",
    )
    await look()
    assert 'value="25"' in browser.page
    assert "A secret task" not in browser.page
    await run(billing, "UPDATE work SET status = 'succeeded', lease_until = NULL")
    await run(billing, "UPDATE deployments SET applied_at = now(), applied_hash = 'x'")
    await look()
    async with billing.built.database.transaction() as connection:
        customer = (await (await connection.execute("SELECT id FROM customers")).fetchone())[0]
        invitations = PostgresInvitations(connection)
        assert await invitations.ask(customer, billing.clock.now())
        assert not await invitations.ask(customer, billing.clock.now())
        await invitations.end(customer, "mailed", billing.clock.now())
    await look()

    assert seen == [
        ("Setting up your platform", True),
        ("Almost there", True),
        ("Your dashboard is ready", False),
    ]
    assert 'href="https://127.77.7.16:3000"' in browser.page
    assert {state for _, state in browser.steps()} == {"done"}


async def test_a_deployment_that_failed_is_told_without_its_reason(billing, browser):
    await browser.sign_up()
    await run(billing, "UPDATE work SET status = 'failed', error = 'a task: secret words'")
    await browser.get("/status")

    assert browser.heading() == "This takes longer"
    assert ("Set up your platform", "failed") in browser.steps()
    assert "secret words" not in browser.page
    assert 'http-equiv="refresh"' in browser.page


async def test_a_visit_ends(billing, browser):
    await browser.sign_up()
    await run(billing, "UPDATE visits SET expires_at = %s", billing.clock.now())

    assert (await browser.get("/status")).status_code == 303


async def test_a_removed_tenant_is_gone(billing, browser):
    await browser.sign_up()
    await run(billing, "DELETE FROM deployments")
    await run(billing, "UPDATE customers SET removed_at = now()")
    await browser.get("/status")

    assert browser.heading() == "Nothing here any more"
    assert browser.steps() == []
