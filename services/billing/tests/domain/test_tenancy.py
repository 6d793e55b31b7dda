"""Where a tenant goes, what is wanted there, and how its status follows from its last job."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network

import pytest

from iotistic_billing.domain.errors import AddressesExhausted
from iotistic_billing.domain.licensing import operator_plan
from iotistic_billing.domain.model import Customer, Deployment, JobKind, JobState
from iotistic_billing.domain.tenancy import (
    PlatformFacts,
    address_for,
    customer_status,
    deployment_status,
    joins,
    wanted_hash,
)

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
NET = IPv4Network("127.77.0.0/24")
FACTS = PlatformFacts(
    code_hash="c", license_kid="l", service_kid="s", base_domain="d", billing_url="u"
)
CUSTOMER = Customer(
    id="cust_" + "a1" * 16,
    external_id="acme",
    company_name="Acme Pumps",
    email=None,
    full_name=None,
    email_verified_at=None,
    suspended=False,
    removed_at=None,
    created_at=NOW,
    subscription=operator_plan("starter", NOW, None),
)
SUSPENDED = replace(CUSTOMER, suspended=True)
NEW = Deployment(customer_id=CUSTOMER.id, address="127.77.0.16", instance_url="u")
OLD = replace(NEW, applied_at=NOW)


def after(deployment, kind, state):
    return replace(deployment, job_kind=JobKind(kind), job_state=JobState(state))


@pytest.mark.parametrize(
    ("taken", "address"),
    [
        (set(), "127.77.0.16"),
        ({"127.77.0.16", "127.77.0.18"}, "127.77.0.17"),
        ({f"127.77.0.{host}" for host in range(16, 127)}, "127.77.0.127"),
    ],
    ids=["first", "gap", "last"],
)
def test_the_lowest_free_address_is_taken(taken, address):
    assert address_for(NET, taken) == address


def test_no_address_is_given_twice_nor_outside_the_range():
    with pytest.raises(AddressesExhausted):
        address_for(NET, {f"127.77.0.{host}" for host in range(16, 128)})


@pytest.mark.parametrize(
    ("customer", "deployment", "status", "standing"),
    [
        (CUSTOMER, None, "pending", None),
        (replace(CUSTOMER, removed_at=NOW), None, "removed", None),
        (CUSTOMER, NEW, "pending", "pending"),
        (CUSTOMER, after(NEW, "deploy", "queued"), "provisioning", "queued"),
        (CUSTOMER, after(NEW, "deploy", "running"), "provisioning", "running"),
        (CUSTOMER, after(NEW, "deploy", "failed"), "failed", "failed"),
        (CUSTOMER, after(NEW, "deploy", "canceled"), "pending", "canceled"),
        (CUSTOMER, after(OLD, "deploy", "succeeded"), "ready", "ready"),
        (CUSTOMER, after(OLD, "deploy", "running"), "ready", "running"),
        (CUSTOMER, after(OLD, "deploy", "failed"), "failed", "failed"),
        (CUSTOMER, after(OLD, "deploy", "canceled"), "ready", "canceled"),
        (SUSPENDED, after(OLD, "suspend", "running"), "suspended", "running"),
        (SUSPENDED, after(OLD, "suspend", "succeeded"), "suspended", "suspended"),
        (CUSTOMER, after(OLD, "delete", "queued"), "removing", "queued"),
        (SUSPENDED, after(OLD, "delete", "running"), "removing", "running"),
        (CUSTOMER, after(OLD, "delete", "failed"), "failed", "failed"),
        (CUSTOMER, after(OLD, "delete", "canceled"), "ready", "canceled"),
    ],
)
def test_status_follows_from_the_last_job(customer, deployment, status, standing):
    found = deployment_status(deployment) if deployment else None

    assert (customer_status(customer, deployment), found) == (status, standing)


@pytest.mark.parametrize(
    ("deployment", "kind", "joined"),
    [
        (NEW, "deploy", False),
        (after(NEW, "deploy", "queued"), "deploy", True),
        (after(NEW, "deploy", "queued"), "suspend", False),
        (after(replace(NEW, begun_hash="w"), "deploy", "running"), "deploy", True),
        (after(replace(NEW, begun_hash="v"), "deploy", "running"), "deploy", False),
        (after(replace(NEW, begun_hash="w"), "deploy", "failed"), "deploy", False),
    ],
    ids=["none", "queued", "other-kind", "running", "running-another", "failed"],
)
def test_a_job_that_will_do_is_joined(deployment, kind, joined):
    assert joins(deployment, JobKind(kind), "w") is joined


@pytest.mark.parametrize(
    ("customer", "address", "facts"),
    [
        (replace(CUSTOMER, company_name="Other"), "127.77.0.16", FACTS),
        (SUSPENDED, "127.77.0.16", FACTS),
        (
            replace(CUSTOMER, subscription=operator_plan("enterprise", NOW, None)),
            "127.77.0.16",
            FACTS,
        ),
        (CUSTOMER, "127.77.0.17", FACTS),
        (CUSTOMER, "127.77.0.16", replace(FACTS, code_hash="other")),
        (CUSTOMER, "127.77.0.16", replace(FACTS, license_kid="other")),
    ],
    ids=["name", "suspended", "plan", "address", "code", "key"],
)
def test_whatever_a_deployment_is_made_from_changes_its_hash(customer, address, facts):
    same = wanted_hash(CUSTOMER, "127.77.0.16", FACTS)

    assert wanted_hash(CUSTOMER, "127.77.0.16", FACTS) == same
    assert wanted_hash(customer, address, facts) != same


def test_an_e_mail_address_changes_nothing_that_is_deployed():
    other = replace(CUSTOMER, email="owner@acme.example")

    assert wanted_hash(other, "a", FACTS) == wanted_hash(CUSTOMER, "a", FACTS)
