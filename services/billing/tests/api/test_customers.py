"""Customers by an operator's hand, on a real database."""

import asyncio

import pytest

pytestmark = pytest.mark.real


async def test_put_creates_once_and_then_changes_only_what_differs(billing):
    made = await billing.customer("acme", "starter")
    again = await billing.customer("acme", "starter")
    changed = await billing.customer("acme", "professional")

    assert made == again
    assert changed == {**made, "plan": "professional"}
    assert made["plan_source"] == "operator"
    assert made["short_id"] == made["id"][5:13]
    assert made["status"] == "pending"
    assert made["deployment"] is None
    history = (await billing.call("GET", f"/api/licenses/{made['id']}/history")).json["items"]
    assert [(each["plan"], each["reason"]) for each in history] == [
        ("professional", "changed"),
        ("starter", "created"),
    ]


async def test_suspended_shows_at_once_and_present_takes_it_back(billing):
    customer = await billing.customer()
    body = {"company_name": "Acme Pumps", "plan": "professional", "state": "suspended"}
    path = "/api/customers/by-external-id/acme"

    assert (await billing.call("PUT", path, body)).json["status"] == "pending"
    await billing.call("POST", f"/api/customers/{customer['id']}/deploy", {})
    assert (await billing.call("PUT", path, body)).json["status"] == "suspended"
    assert (await billing.customer())["status"] == "provisioning"


async def test_many_puts_of_one_name_at_once_make_one_customer(billing):
    views = await asyncio.gather(*(billing.customer("acme") for _ in range(8)))

    assert len({view["id"] for view in views}) == 1


async def test_a_plan_that_stripe_decides_is_a_conflict_and_stays(billing):
    customer = await billing.customer("acme", "starter")
    async with billing.built.database.connection() as connection:
        await connection.execute("UPDATE subscriptions SET plan_source = 'stripe'")
    path = "/api/customers/by-external-id/acme"
    other = {"company_name": "Acme Pumps", "plan": "enterprise"}

    by_name = await billing.call("PUT", path, other)
    by_plan = await billing.call(
        "PUT", f"/api/customers/{customer['id']}/plan", {"plan": "enterprise"}
    )
    same = await billing.call("PUT", path, other | {"plan": "starter"})

    assert [(each.status_code, each.json["code"]) for each in (by_name, by_plan)] == [
        (409, "plan_conflict")
    ] * 2
    assert (same.status_code, same.json["plan_source"]) == (200, "stripe")


async def test_an_e_mail_address_belongs_to_one_customer(billing):
    body = {"company_name": "Acme", "plan": "starter", "email": "Owner@acme.example"}
    first = await billing.call("PUT", "/api/customers/by-external-id/acme", body)
    second = await billing.call("PUT", "/api/customers/by-external-id/other", body)

    assert (first.status_code, first.json["email"]) == (201, "owner@acme.example")
    assert (second.status_code, second.json["code"]) == (409, "conflict")


async def test_customers_are_listed_page_by_page_and_found_by_name(billing):
    made = {(await billing.customer(f"c{number}"))["id"] for number in range(3)}

    first = (await billing.call("GET", "/api/customers?limit=2")).json
    second = (await billing.call("GET", f"/api/customers?limit=2&after={first['next']}")).json
    found = (await billing.call("GET", "/api/customers?external_id=c1")).json

    assert {each["id"] for each in first["items"] + second["items"]} == made
    assert (len(first["items"]), second["next"]) == (2, None)
    assert [each["external_id"] for each in found["items"]] == ["c1"]


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("acme", {"company_name": "A", "plan": "gold"}, "/plan"),
        ("acme", {"company_name": "A", "plan": "starter", "colour": "red"}, "/colour"),
        ("acme", {"company_name": " ", "plan": "starter"}, "/company_name"),
        ("acme", {"company_name": "A", "plan": "starter", "state": "absent"}, "/state"),
        ("Acme", {"company_name": "A", "plan": "starter"}, "/external_id"),
        ("1", {"company_name": "A", "plan": "starter"}, "/external_id"),
    ],
)
async def test_a_bad_customer_is_refused_with_its_place(billing, name, body, pointer):
    answer = await billing.call("PUT", f"/api/customers/by-external-id/{name}", body)

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
