"""License states by time, subscription and clock, and what each lets people do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.license import (
    License,
    LicenseState,
    LicenseStatus,
    SeenTime,
    Subscription,
    Trial,
    check_feature_access,
    license_status,
)
from iotistic_contract.plans import FLAGS, LIMITS, PLANS
from iotistic_contract.problems import Code

CUSTOMER = "cust_0123456789abcdef0123456789abcdef"
MADE = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = datetime(2026, 2, 1, tzinfo=UTC)
EXP = PERIOD + timedelta(days=14)
GONE = EXP + timedelta(days=30)
SECOND = timedelta(seconds=1)


def paid(plan: str = "professional", **subscription: object) -> License:
    values: dict[str, object] = {"status": "active", "current_period_ends_at": PERIOD}
    return License(
        iss="iotistic-billing",
        aud=CUSTOMER,
        sub=CUSTOMER,
        jti="lic_1",
        iat=int(MADE.timestamp()),
        nbf=int(MADE.timestamp()),
        exp=int(EXP.timestamp()),
        customer_name="Acme",
        plan=plan,
        features=PLANS[plan].features,
        limits=PLANS[plan].limits,
        subscription=Subscription(**{**values, **subscription}),  # type: ignore[arg-type]
    )


def trial() -> License:
    return replace(
        paid("starter"),
        trial=Trial(is_trial_mode=True, expires_at=PERIOD),
        subscription=Subscription(status="trialing"),
    )


STATES = [
    # what, license, now, state, until
    ("paid, in its period", paid(), MADE, "valid", PERIOD),
    ("paid, last second", paid(), PERIOD - SECOND, "valid", PERIOD),
    ("paid, period over", paid(), PERIOD, "grace", EXP),
    ("paid, last second of grace", paid(), EXP - SECOND, "grace", EXP),
    ("paid, expired token", paid(), EXP, "restricted", GONE),
    ("paid, last second of restriction", paid(), GONE - SECOND, "restricted", GONE),
    ("paid, long gone", paid(), GONE, "expired", None),
    ("cancels at its end", paid(cancels_at_period_end=True), MADE, "expiring", PERIOD),
    ("cancels, period over", paid(cancels_at_period_end=True), PERIOD, "grace", EXP),
    ("past due", paid(status="past_due"), MADE, "grace", EXP),
    ("past due and canceling", paid(status="past_due", cancels_at_period_end=True), MADE,
     "grace", EXP),
    ("past due, expired token", paid(status="past_due"), EXP, "restricted", GONE),
    ("unpaid", paid(status="unpaid"), MADE, "restricted", GONE),
    ("canceled", paid(status="canceled"), MADE, "restricted", GONE),
    ("canceled, long gone", paid(status="canceled"), GONE, "expired", None),
    ("a status of a newer billing", paid(status="resting"), MADE, "valid", PERIOD),
    ("trial", trial(), MADE, "valid", PERIOD - timedelta(days=3)),
    ("trial, three days left", trial(), PERIOD - timedelta(days=3), "expiring", PERIOD),
    ("trial over", trial(), PERIOD, "grace", EXP),
    ("trial, expired token", trial(), EXP, "restricted", GONE),
    ("no period: 14 days before exp", paid(current_period_ends_at=None), PERIOD, "grace", EXP),
]  # fmt: skip


@pytest.mark.parametrize(
    ("license_", "now", "state", "until"),
    [case[1:] for case in STATES],
    ids=[case[0] for case in STATES],
)
def test_states(license_: License, now: datetime, state: str, until: datetime | None) -> None:
    assert license_status(license_, now) == LicenseStatus(state=LicenseState(state), until=until)


def test_missing_and_revoked_come_before_all_others() -> None:
    assert license_status(None, MADE, revoked=True).state is LicenseState.MISSING
    for now in (MADE, PERIOD, EXP, GONE):
        assert license_status(paid(), now, revoked=True).state is LicenseState.REVOKED


@pytest.mark.parametrize(
    ("now", "highest", "state", "suspect"),
    [
        (MADE, None, "valid", False),
        (MADE, MADE, "valid", False),
        (PERIOD, MADE, "grace", False),
        (MADE, PERIOD, "grace", True),
        (datetime(1970, 1, 1, tzinfo=UTC), GONE, "expired", True),
        (MADE, MADE + timedelta(seconds=60), "valid", False),
        (MADE, MADE + timedelta(seconds=61), "valid", True),
    ],
)
def test_a_clock_behind_the_highest_time_does_not_decide(
    now: datetime, highest: datetime | None, state: str, suspect: bool
) -> None:
    status = license_status(paid(), now, highest_seen=highest)
    assert (status.state, status.clock_suspect) == (state, suspect)


def test_the_highest_time_only_rises_until_billing_signs_another() -> None:
    seen = SeenTime(highest=MADE).observed(GONE).observed(PERIOD)
    assert seen == SeenTime(highest=GONE)
    right = seen.signed(PERIOD)
    assert right == SeenTime(highest=PERIOD, signed_iat=PERIOD)
    assert right.signed(MADE) == right.signed(PERIOD) == right  # a replayed one changes nothing
    assert right.observed(EXP).signed(PERIOD + SECOND).highest == PERIOD + SECOND


def test_people_may_write_while_the_subscription_allows_it() -> None:
    closed = {LicenseState.RESTRICTED, LicenseState.EXPIRED}
    for name, license_, now, state, _ in STATES:
        access = check_feature_access(license_, None, now)
        assert access.allowed == (LicenseState(state) not in closed), name
        assert access.status == (200 if access.allowed else 402), name


@pytest.mark.parametrize(
    ("license_", "revoked", "state"),
    [
        (None, False, "missing"),
        (paid(), True, "revoked"),
        (paid(status="unpaid"), False, "restricted"),
    ],
)
def test_402_when_the_subscription_is_the_reason(
    license_: License | None, revoked: bool, state: str
) -> None:
    access = check_feature_access(license_, "canExecuteJobs", MADE, revoked=revoked)
    assert (access.allowed, access.status, access.code) == (False, 402, Code.PAYMENT_REQUIRED)
    assert access.members() == {"licenseState": state, "feature": "canExecuteJobs"}
    assert access.detail == f"the license is {state}"


@pytest.mark.parametrize("plan", list(PLANS))
@pytest.mark.parametrize("flag", list(FLAGS))
def test_403_for_a_feature_that_the_plan_has_not(plan: str, flag: str) -> None:
    access = check_feature_access(paid(plan), flag, MADE)
    has = getattr(PLANS[plan].features, FLAGS[flag])
    assert (access.allowed, access.status) == ((True, 200) if has else (False, 403))
    assert access.code == (None if has else Code.FEATURE_NOT_IN_PLAN)


@pytest.mark.parametrize("limit", list(LIMITS))
@pytest.mark.parametrize("plan", list(PLANS))
def test_403_at_a_limit_says_limit_and_use(plan: str, limit: str) -> None:
    most = getattr(PLANS[plan].limits, LIMITS[limit])
    if most is None:
        assert check_feature_access(paid(plan), limit, MADE, used=10**9).allowed
        return
    assert check_feature_access(paid(plan), limit, MADE, used=most - 1).allowed
    refused = check_feature_access(paid(plan), limit, MADE, used=most)
    assert (refused.allowed, refused.status, refused.code) == (False, 403, Code.LIMIT_REACHED)
    assert refused.members() == {
        "licenseState": "valid",
        "feature": limit,
        "limit": most,
        "used": most,
        "of": "plan",
    }


def test_a_suspect_clock_gives_nothing_back() -> None:
    assert check_feature_access(paid(), None, MADE, highest_seen=EXP).status == 402


def test_a_gate_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ContractError, match="no such flag or limit"):
        check_feature_access(paid(), "canFly", MADE)


@pytest.mark.parametrize("license_", [paid("enterprise"), trial()], ids=["paid", "trial"])
def test_claims_come_back_whole(license_: License) -> None:
    claims = license_.claims()
    assert License.from_claims({**claims, "claimOfTomorrow": 1}) == license_
    assert set(claims["limits"]) == set(LIMITS)
    assert set(claims["features"]) >= set(FLAGS)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"iss": "somebody"}, "/iss"),
        ({"aud": "cust_" + "f" * 32}, "/aud"),
        ({"sub": "12345678"}, "/sub"),
        ({"exp": int(MADE.timestamp())}, "/exp"),
        ({"exp": int(MADE.timestamp()) + 400 * 86400 + 1}, "/exp"),
        ({"exp": "soon"}, "/exp"),
        ({"iat": -1}, "/iat"),
        ({"iat": 10**18, "exp": 10**18 + 1}, "/iat"),
        ({"limits": {"maxDevices": "many"}}, "/limits/maxDevices"),
        ({"features": {"canExecuteJobs": 1}}, "/features/canExecuteJobs"),
        ({"trial": {"isTrialMode": True}}, "/trial/expiresAt"),
    ],
)
def test_claims_that_billing_never_signs_are_refused(
    changes: dict[str, object], pointer: str
) -> None:
    with pytest.raises(ContractError) as refused:
        License.from_claims({**paid().claims(), **changes})
    assert refused.value.pointer == pointer


licenses = st.one_of(
    st.just(trial()),
    st.builds(
        paid,
        st.sampled_from(list(PLANS)),
        status=st.sampled_from(["active", "past_due", "unpaid", "canceled", "paused"]),
        cancels_at_period_end=st.booleans(),
        current_period_ends_at=st.none() | st.just(PERIOD),
    ),
)
moments = st.integers(-40 * 24, 120 * 24).map(lambda hours: MADE + timedelta(hours=hours))
WORST_FIRST = list(LicenseState)


@given(licenses, moments, moments)
def test_time_alone_never_makes_a_license_better(
    license_: License, one: datetime, other: datetime
) -> None:
    sooner, later = sorted([one, other])
    before, after = license_status(license_, sooner), license_status(license_, later)
    assert WORST_FIRST.index(after.state) <= WORST_FIRST.index(before.state)
    assert (before.state == after.state) == (before.until is None or later < before.until)
