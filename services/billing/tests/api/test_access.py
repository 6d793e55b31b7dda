"""Every route, walked: who gets in without being asked who they are, and that nobody else does."""

from pathlib import Path

import pytest
from falcon.testing import ASGIConductor

from iotistic_billing import describe
from iotistic_billing.app import create_app
from iotistic_billing.runtime import build
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


def test_the_committed_description_is_current():
    committed = Path(__file__).parents[2] / "openapi.json"

    assert committed.read_text() == describe.text()
