"""Every route, walked: who gets in without being asked who they are, and that nobody else does."""

from pathlib import Path

import pytest
from falcon.testing import ASGIConductor

from iotistic_billing import describe
from iotistic_billing.app import create_app
from iotistic_billing.runtime import build
from iotistic_billing.security import api_key_for
from iotistic_kit.clock import MemoryClock

CUSTOMER = "cust_" + "a1" * 16
OPEN = {
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "POST /api/customers/signup",
    "POST /api/customers/login",
    "GET /api/plans",
    "GET /.well-known/jwks.json",
    "GET /api/licenses/public-key",
    "GET /api/licenses/revocations",
    "GET /sign-up",
    "POST /sign-up",
    "GET /verify",
    "POST /verify",
    "GET /status",
    "POST /status",
    "GET /assets/{name}",
}


@pytest.fixture
def app(offline_settings, now):
    return create_app(build(offline_settings, MemoryClock(now)).parts)


def test_only_what_the_specification_lists_is_open(app):
    public = {f"{each.method} {each.path}" for each in app.routes() if each.operation.access.public}

    assert public == OPEN


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}],
    ids=["none", "unknown", "another-scheme"],
)
async def test_every_other_route_refuses_a_caller_without_credentials(app, headers):
    answers = {}
    async with ASGIConductor(app) as conductor:
        for route in app.routes():
            if route.operation.access.public:
                continue
            path = route.path.format(customer_id=CUSTOMER, job_id="j", external_id="acme")
            answer = await conductor.simulate_request(route.method, path, headers=headers)
            answers[f"{route.method} {route.path}"] = answer.status_code, answer.json["code"]

    assert answers
    assert set(answers.values()) == {(401, "unauthorized")}


@pytest.mark.real
async def test_a_tenant_and_a_person_reach_their_own_customer_alone(billing):
    form = {
        "email": "owner@acme.example",
        "password": "correct horse battery",
        "company_name": "Acme",
        "full_name": "A. Owner",
    }
    made = await billing.call("POST", "/api/customers/signup", form, token=None)
    own, other = made.json["customer"]["id"], (await billing.customer("other"))["id"]
    credentials = {"email": form["email"], "password": form["password"]}
    session = await billing.call("POST", "/api/customers/login", credentials, token=None)
    seed = billing.settings.api_key_seed.get_secret_value().encode()
    tokens = {"customer": api_key_for(seed, own).text, "person": session.json["token"]}

    for kind, token in tokens.items():
        for route in billing.routes():
            path = route.path.format(
                customer_id=other, job_id="j", external_id="acme", name="billing.css"
            )
            if route.operation.access.public or path == "/api/licenses/verify":
                continue
            answer = await billing.call(route.method, path, {}, token=token)
            assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), (kind, path)
        mine = await billing.call("GET", f"/api/licenses/{own}", token=token)
        assert mine.status_code == 200


@pytest.mark.real
async def test_a_key_that_is_nearly_right_is_unknown(billing):
    customer = await billing.customer()
    seed = billing.settings.api_key_seed.get_secret_value().encode()
    key = api_key_for(seed, customer["id"])
    _, key_id, secret = key.text.split(".")
    others = [f"bk1.{key_id}.", f"bk1.{key_id}.{secret[:-1]}", f"bk1.x.{secret}", "bk1", "bs1.x"]
    others.append(api_key_for(b"another seed", customer["id"]).text)

    answers = [
        (await billing.call("GET", f"/api/licenses/{customer['id']}", token=token)).status_code
        for token in [key.text, *others]
    ]

    assert answers == [200] + [401] * len(others)


def test_the_committed_description_is_current():
    committed = Path(__file__).parents[2] / "openapi.json"

    assert committed.read_text() == describe.text()
