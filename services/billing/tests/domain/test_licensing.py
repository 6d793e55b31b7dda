"""Which license a customer has, and when it takes a new one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_billing.domain.licensing import (
    license_for,
    needs_new,
    operator_plan,
    renewed,
    trial,
)
from iotistic_billing.domain.model import Customer, PlanSource, StoredLicense, Subscription
from iotistic_contract.license import LicenseState, license_status

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def customer(held, **changes):
    made = Customer(
        id="cust_" + "a1" * 16,
        external_id="acme",
        company_name="Acme Pumps",
        email=None,
        full_name=None,
        email_verified_at=None,
        suspended=False,
        removed_at=None,
        created_at=NOW,
        subscription=held,
    )
    return replace(made, **changes)


def claims(held, now=NOW, last=None, **changes):
    return license_for(customer(held, **changes), now, jti="j", revocations=3, last=last)


def stored(license_):
    return StoredLicense(
        jti="j",
        customer_id=license_.sub,
        token="",
        kid="k",
        issued_at=NOW,
        expires_at=license_.ends_at,
        reason="created",
        claims=license_.claims(),
    )


@pytest.mark.parametrize(
    ("held", "days", "state"),
    [
        (trial(NOW), 28, LicenseState.VALID),
        (operator_plan("enterprise", NOW, None), 379, LicenseState.VALID),
        (
            Subscription(
                plan="starter",
                plan_source=PlanSource.STRIPE,
                status="past_due",
                current_period_ends_at=NOW + 30 * DAY,
            ),
            44,
            LicenseState.GRACE,
        ),
        (
            Subscription(
                plan="starter",
                plan_source=PlanSource.STRIPE,
                status="active",
                current_period_ends_at=NOW + 1000 * DAY,
            ),
            400,
            LicenseState.VALID,
        ),
    ],
    ids=["trial", "operator", "past-due", "too-long-a-period"],
)
def test_a_license_ends_fourteen_days_after_its_period_at_most_400_from_now(held, days, state):
    made = claims(held)

    assert made.ends_at == NOW + days * DAY
    assert license_status(made, NOW).state is state
    assert (made.rev_seq, made.iss, made.aud, made.sub) == (
        3,
        "iotistic-billing",
        made.sub,
        "cust_" + "a1" * 16,
    )


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({}, False),
        ({"company_name": "Acme Valves"}, True),
        ({"subscription": operator_plan("professional", NOW, None)}, True),
        ({"subscription": operator_plan("starter", NOW + DAY, None)}, True),
        ({"email": "owner@acme.example"}, False),
        ({"suspended": True}, False),
    ],
    ids=["nothing", "name", "plan", "period", "email", "suspended"],
)
def test_a_new_license_is_made_when_it_says_something_else(change, new):
    held = operator_plan("starter", NOW, None)
    before = stored(claims(held))

    assert needs_new(before, claims(held, NOW + timedelta(hours=1), **change)) is new


def test_the_first_license_is_always_new():
    assert needs_new(None, claims(trial(NOW)))


def test_iat_rises_even_within_a_second():
    last = NOW + timedelta(seconds=5)

    assert claims(trial(NOW), last=last).iat == int(last.timestamp()) + 1


@pytest.mark.parametrize(
    ("after", "periods"), [(0, 0), (364, 0), (365, 1), (366, 1), (800, 2)], ids=str
)
def test_an_operators_period_begins_anew_without_a_gap(after, periods):
    held = operator_plan("starter", NOW, None)

    ends_at = renewed(held, NOW + after * DAY).current_period_ends_at

    assert ends_at == NOW + 365 * DAY + periods * 365 * DAY


@pytest.mark.parametrize(
    "held",
    [
        trial(NOW),
        replace(operator_plan("starter", NOW, None), cancels_at_period_end=True),
        replace(operator_plan("starter", NOW, None), status="canceled"),
        replace(operator_plan("starter", NOW, None), plan_source=PlanSource.STRIPE),
    ],
    ids=["trial", "cancels", "canceled", "stripe"],
)
def test_no_other_period_begins_by_itself(held):
    assert renewed(held, NOW + 1000 * DAY) == held


def test_a_plan_set_anew_keeps_the_period_that_runs():
    held = operator_plan("starter", NOW, None)

    changed = operator_plan("enterprise", NOW + 10 * DAY, held)

    assert changed == replace(held, plan="enterprise")
