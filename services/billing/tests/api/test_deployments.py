"""Deployments and the queue over HTTP, on a real database and without a worker."""

import asyncio

import pytest

from iotistic_kit.work import WorkQueue

pytestmark = pytest.mark.real

KINDS = ["deploy", "suspend", "delete"]


async def deploy(billing, customer, reason="test"):
    path = f"/api/customers/{customer['id']}/deploy"
    return await billing.call("POST", path, {"reason": reason})


async def shown(billing, customer):
    return (await billing.call("GET", f"/api/customers/{customer['id']}")).json


async def test_a_second_request_joins_the_job_that_waits(billing):
    customer = await billing.customer()
    first, second = await deploy(billing, customer), await deploy(billing, customer)

    assert first.status_code == second.status_code == 202
    assert first.json == second.json
    jobs = (await billing.call("GET", "/api/admin/jobs")).json["items"]
    assert [(job["id"], job["reason"]) for job in jobs] == [(first.json["job_id"], "test")]


async def test_a_job_that_runs_is_joined_until_something_else_is_wanted(billing):
    customer = await billing.customer("acme", "starter")
    first = (await deploy(billing, customer)).json["job_id"]
    queue = WorkQueue(billing.built.database, worker="w")
    job = await queue.claim(KINDS)
    wanted = (await shown(billing, customer))["deployment"]["wanted_hash"]
    async with billing.built.database.connection() as connection:
        await connection.execute("UPDATE deployments SET begun_hash = %s", [wanted])

    joined = (await deploy(billing, customer)).json
    await billing.customer("acme", "professional")
    other = (await deploy(billing, customer)).json

    assert job.id == first
    assert (joined["job_id"], joined["status"]) == (first, "running")
    assert (other["job_id"] != first, other["status"]) == (True, "queued")
    assert await queue.claim(KINDS) is None


async def test_removal_cancels_what_waits_and_refuses_new_deployments(billing):
    customer = await billing.customer()
    waiting = (await deploy(billing, customer)).json["job_id"]
    path = f"/api/customers/{customer['id']}/deployment"

    removal = await billing.call("DELETE", path)
    again = await billing.call("DELETE", path)

    assert removal.status_code == 202
    assert again.json["job_id"] == removal.json["job_id"]
    assert (await billing.call("GET", f"/api/admin/jobs/{waiting}")).json["status"] == "canceled"
    assert (await deploy(billing, customer)).status_code == 409
    view = await shown(billing, customer)
    assert (view["status"], view["deployment"]["status"]) == ("removing", "queued")
    tenants = (await billing.call("GET", "/api/admin/tenants")).json["items"]
    assert [(each["customer_id"], each["state"]) for each in tenants] == [
        (customer["id"], "absent")
    ]


async def test_suspension_takes_the_place_of_a_deployment_that_waits(billing):
    customer = await billing.customer()
    waiting = (await deploy(billing, customer)).json["job_id"]
    body = {"company_name": "Acme Pumps", "plan": "professional", "state": "suspended"}
    await billing.call("PUT", "/api/customers/by-external-id/acme", body)

    queued = (await deploy(billing, customer)).json

    job = (await billing.call("GET", f"/api/admin/jobs/{queued['job_id']}")).json
    assert (job["kind"], job["status"]) == ("suspend", "queued")
    assert (await billing.call("GET", f"/api/admin/jobs/{waiting}")).json["status"] == "canceled"


async def test_each_tenant_gets_an_address_of_its_own_however_many_ask_at_once(billing):
    customers = [await billing.customer(f"c{number}") for number in range(12)]

    answers = await asyncio.gather(*(deploy(billing, each) for each in customers))

    urls = sorted(answer.json["instance_url"] for answer in answers)
    assert urls == sorted(f"https://127.77.7.{16 + number}:3002" for number in range(12))


@pytest.mark.parametrize("billing", [{"deploy_net": "127.77.7.0/24"}], indirect=True)
async def test_without_a_free_address_nothing_is_queued(billing):
    customer, late = await billing.customer("first"), await billing.customer("late")
    await deploy(billing, customer)
    async with billing.built.database.connection() as connection:
        await connection.execute(
            "INSERT INTO customers SELECT 'cust_' || lpad(to_hex(n), 8, '0') || repeat('0', 24),"
            " 'x' || n, 'X', NULL, NULL, NULL, NULL, false, NULL, now(), now()"
            " FROM generate_series(17, 127) AS n"
        )
        await connection.execute(
            "INSERT INTO deployments (customer_id, address, instance_url, created_at)"
            " SELECT 'cust_' || lpad(to_hex(n), 8, '0') || repeat('0', 24),"
            " ('127.77.7.' || n)::inet, '', now() FROM generate_series(17, 127) AS n"
        )

    answer = await deploy(billing, late)

    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert (await shown(billing, late))["deployment"] is None


async def test_a_new_name_reaches_a_deployed_tenant_by_itself_and_only_then(billing):
    customer = await billing.customer()
    path = f"/api/customers/{customer['id']}"
    await billing.call("PATCH", path, {"company_name": "Acme Valves"})
    assert (await billing.call("GET", "/api/admin/jobs")).json["items"] == []
    await deploy(billing, customer)
    queue = WorkQueue(billing.built.database, worker="w")
    await queue.finish(await queue.claim(KINDS))
    wanted = (await shown(billing, customer))["deployment"]["wanted_hash"]
    async with billing.built.database.connection() as connection:
        await connection.execute("UPDATE deployments SET applied_hash = %s", [wanted])

    await billing.call("PATCH", path, {"full_name": "A. Owner"})
    assert (await shown(billing, customer))["deployment"]["status"] == "ready"
    await billing.call("PATCH", path, {"company_name": "Acme Pumps"})
    assert (await shown(billing, customer))["deployment"]["status"] == "queued"


async def test_jobs_are_listed_newest_first_page_by_page(billing):
    queued = []
    for number in range(3):
        customer = await billing.customer(f"c{number}")
        queued.append((await deploy(billing, customer)).json["job_id"])

    first = (await billing.call("GET", "/api/admin/jobs?limit=2")).json
    second = (await billing.call("GET", f"/api/admin/jobs?limit=2&after={first['next']}")).json
    of_one = (await billing.call("GET", f"/api/admin/jobs?customer_id={customer['id']}")).json

    assert [job["id"] for job in first["items"] + second["items"]] == queued[::-1]
    assert second["next"] is None
    assert [job["id"] for job in of_one["items"]] == queued[-1:]


async def test_the_log_is_read_line_by_line(billing):
    job_id = (await deploy(billing, await billing.customer())).json["job_id"]
    queue = WorkQueue(billing.built.database, worker="w")
    await queue.log(await queue.claim(KINDS), ["one", "two", "three"])
    path = f"/api/admin/jobs/{job_id}/log"

    first = (await billing.call("GET", f"{path}?limit=2")).json
    second = (await billing.call("GET", f"{path}?limit=2&after={first['next']}")).json

    lines = [(line["n"], line["line"]) for line in first["items"] + second["items"]]
    assert lines == [(1, "one"), (2, "two"), (3, "three")]
    assert second["next"] is None


async def test_canceled_jobs_may_be_tried_again_until_another_has_taken_their_place(billing):
    customer = await billing.customer()
    job_id = (await deploy(billing, customer)).json["job_id"]
    path = f"/api/admin/jobs/{job_id}"

    async def post(action):
        answer = await billing.call("POST", f"{path}/{action}")
        return answer.status_code, answer.json.get("status")

    assert await post("retry") == (409, 409)
    assert await post("cancel") == (200, "canceled")
    assert await post("cancel") == (409, 409)
    assert await post("retry") == (200, "queued")
    assert await post("cancel") == (200, "canceled")
    await deploy(billing, customer)
    assert await post("retry") == (409, 409)


@pytest.mark.parametrize(
    "path",
    [
        "/api/admin/jobs/00000000-0000-4000-8000-000000000000",
        "/api/admin/jobs/none",
        "/api/admin/jobs/zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz",
        "/api/admin/jobs?after=none",
        "/api/admin/jobs/none/log",
        "/api/customers/cust_00",
        "/api/customers/cust_00/deployment",
        "/api/licenses/cust_00",
        "/api/nothing",
    ],
)
async def test_what_is_not_there_is_404(billing, path):
    answer = await billing.call("GET", path)

    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


async def test_metrics_count_from_the_database(billing):
    await deploy(billing, await billing.customer("acme", "starter"))

    text = (await billing.call("GET", "/metrics")).text

    assert 'iotistic_billing_customers{plan="starter",subscription_status="active"} 1.0' in text
    assert 'iotistic_billing_jobs_waiting{kind="deploy",status="queued"} 1.0' in text
    assert 'iotistic_billing_licenses_total{reason="created"} 1.0' in text
