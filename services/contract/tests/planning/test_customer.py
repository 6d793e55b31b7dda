"""Customers: what billing is told, and that telling it twice says nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.customer import (
    ActualCustomer,
    AwaitDeployment,
    Customer,
    Deploy,
    PutCustomer,
    plan,
    plan_conflict,
)

WANTED = Customer(external_id="acme", company_name="Acme", plan="starter", email="it@acme.example")
READY = ActualCustomer(
    id="cust_0123456789abcdef0123456789abcdef",
    external_id="acme",
    company_name="Acme",
    plan="starter",
    plan_source="operator",
    status="active",
    email="it@acme.example",
    full_name="Ada",
    wanted_hash="h1",
    applied_hash="h1",
    deployment_status="ready",
    healthy=True,
)


def put(desired: Customer) -> PutCustomer:
    return PutCustomer(
        external_id=desired.external_id,
        company_name=desired.company_name,
        plan=desired.plan,
        email=desired.email,
        full_name=desired.full_name,
        state=desired.state,
    )


SUSPENDED = replace(READY, state="suspended", deployment_status="suspended", healthy=False)
LARGER = replace(WANTED, plan="professional")
ANOTHER_NAME = replace(WANTED, company_name="Acme Ltd", plan="professional")
PAUSED = replace(WANTED, state="suspended")

CASES = [
    # what, actual, desired, record written, reason to deploy
    ("nothing there", None, WANTED, True, "created"),
    ("same and healthy", READY, WANTED, False, None),
    ("same and simulated", replace(READY, deployment_status="simulated"), WANTED, False, None),
    ("no wish for a mail", READY, replace(WANTED, email=None), False, None),
    ("another mail", READY, replace(WANTED, email="x@acme.example"), True, None),
    ("another person", READY, replace(WANTED, full_name="Bob"), True, None),
    ("another plan", READY, LARGER, True, "changed: plan"),
    ("name and plan", READY, ANOTHER_NAME, True, "changed: company_name, plan"),
    ("unhealthy", replace(READY, healthy=False), WANTED, False, "deployment is unhealthy"),
    ("other code", replace(READY, wanted_hash="h2"), WANTED, False, "deployment is outdated"),
    ("never applied", replace(READY, applied_hash=None), WANTED, False, "deployment is outdated"),
    ("failed", replace(READY, deployment_status="failed"), WANTED, False, "deployment is failed"),
    ("none yet", replace(READY, deployment_status=None), WANTED, False, "deployment is missing"),
    ("under way", replace(READY, deployment_status="provisioning"), WANTED, False,
     "deployment is provisioning"),
    ("to suspend", READY, PAUSED, True, "changed: state"),
    ("suspended", SUSPENDED, PAUSED, False, None),
    ("suspended, other code", replace(SUSPENDED, wanted_hash="h2"), PAUSED, False, None),
    ("to resume", SUSPENDED, WANTED, True, "changed: state"),
    ("paid by Stripe, same plan", replace(READY, plan_source="stripe"), WANTED, False, None),
    ("paid by Stripe, unhealthy", replace(READY, plan_source="stripe", healthy=False), WANTED,
     False, "deployment is unhealthy"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("actual", "desired", "written", "reason"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_steps(
    actual: ActualCustomer | None, desired: Customer, written: bool, reason: str | None
) -> None:
    planned = plan(actual, desired)
    record = (put(desired),) if written else ()
    assert planned.steps == record + ((Deploy(reason), AwaitDeployment()) if reason else ())
    assert planned.changed == (planned.before != planned.after)


def test_the_diff_shows_record_and_deployment() -> None:
    planned = plan(replace(READY, healthy=False), LARGER)
    assert planned.before == {
        "external_id": "acme",
        "company_name": "Acme",
        "plan": "starter",
        "email": "it@acme.example",
        "full_name": "Ada",
        "state": "present",
        "deployment": "unhealthy",
    }
    assert planned.after == {**planned.before, "plan": "professional", "deployment": "ready"}


def test_a_plan_that_stripe_decides_changes_nothing_and_says_so() -> None:
    paid = replace(READY, plan_source="stripe", healthy=False)
    planned = plan(paid, replace(LARGER, company_name="Other"))
    assert (planned.steps, planned.before) == ((), planned.after)
    assert planned.notes == (f"plan_conflict: {plan_conflict(paid, LARGER)}",)
    assert "pays for starter through Stripe" in planned.notes[0]
    assert plan_conflict(paid, WANTED) is plan_conflict(None, LARGER) is None


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("external_id", "Acme"),
        ("external_id", "a"),
        ("external_id", "1acme"),
        ("external_id", "a" * 32),
        ("external_id", 12345678),
        ("company_name", "  "),
        ("plan", "gold"),
        ("email", "nobody"),
        ("state", "absent"),
    ],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(member: str, value: object) -> None:
    with pytest.raises(ContractError) as refused:
        replace(WANTED, **{member: value})  # type: ignore[arg-type]
    assert refused.value.pointer == f"/{member}"


class MemoryBilling:
    """Billing as the steps see it: one customer."""

    def __init__(self, customer: ActualCustomer | None) -> None:
        self.customer = customer

    def apply(self, step: object) -> None:
        """Do what billing does for one step."""
        match step:
            case PutCustomer():
                self._put(step)
            case Deploy():
                self._change(deployment_status="provisioning")
            case AwaitDeployment():
                assert self.customer is not None
                status = "ready" if self.customer.state == "present" else "suspended"
                wanted = self.customer.wanted_hash
                self._change(deployment_status=status, applied_hash=wanted, healthy=True)

    def _put(self, step: PutCustomer) -> None:
        found = self.customer or replace(READY, email=None, full_name=None, deployment_status=None)
        shape = (found.company_name, found.plan, found.state)
        same = shape == (step.company_name, step.plan, step.state)
        self.customer = replace(
            found,
            external_id=step.external_id,
            company_name=step.company_name,
            plan=step.plan,
            email=step.email or found.email,
            full_name=step.full_name or found.full_name,
            state=step.state,
            wanted_hash=found.wanted_hash if same else "h3",
        )

    def _change(self, **changes: object) -> None:
        assert self.customer is not None
        self.customer = replace(self.customer, **changes)  # type: ignore[arg-type]


wishes = st.builds(
    Customer,
    external_id=st.just("acme"),
    company_name=st.sampled_from(["Acme", "Acme Ltd"]),
    plan=st.sampled_from(["starter", "professional", "enterprise"]),
    email=st.sampled_from([None, "a@acme.example", "b@acme.example"]),
    full_name=st.sampled_from([None, "Ada"]),
    state=st.sampled_from(["present", "suspended"]),
)
records = st.none() | st.builds(
    ActualCustomer,
    id=st.just(READY.id),
    external_id=st.just("acme"),
    company_name=st.sampled_from(["Acme", "Acme Ltd"]),
    plan=st.sampled_from(["starter", "professional"]),
    plan_source=st.sampled_from(["operator", "stripe"]),
    status=st.just("active"),
    email=st.sampled_from([None, "a@acme.example"]),
    state=st.sampled_from(["present", "suspended"]),
    wanted_hash=st.sampled_from(["h1", "h2"]),
    applied_hash=st.sampled_from([None, "h1", "h2"]),
    deployment_status=st.sampled_from([None, "pending", "failed", "ready", "suspended"]),
    healthy=st.booleans(),
)


@given(records, wishes)
def test_after_the_steps_nothing_is_left_and_the_diff_was_right(
    actual: ActualCustomer | None, desired: Customer
) -> None:
    billing = MemoryBilling(actual)
    first = plan(actual, desired)
    first.apply(billing)
    second = plan(billing.customer, desired)
    assert second.steps == ()
    assert second.before == first.after


@given(records, wishes, st.integers(0, 2))
def test_a_run_that_was_cut_short_is_ended_by_the_next(
    actual: ActualCustomer | None, desired: Customer, done: int
) -> None:
    billing = MemoryBilling(actual)
    for step in plan(actual, desired).steps[:done]:
        billing.apply(step)
    plan(billing.customer, desired).apply(billing)
    assert plan(billing.customer, desired).steps == ()
