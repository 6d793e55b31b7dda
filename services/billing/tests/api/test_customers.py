"""Customers by an operator's hand, on a real database."""

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
    await billing.customer()
    body = {"company_name": "Acme Pumps", "plan": "professional", "state": "suspended"}
    path = "/api/customers/by-external-id/acme"

    assert (await billing.call("PUT", path, body)).json["status"] == "pending"
    queued = await billing.call(
        "POST", f"/api/customers/{(await billing.customer())['id']}/deploy", {}
    )
    assert queued.status_code == 202
    assert (await billing.call("PUT", path, body)).json["status"] == "suspended"
    assert (await billing.customer())["status"] == "provisioning"
