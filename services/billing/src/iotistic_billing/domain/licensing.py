"""Which license a customer is to have, and when it takes a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from iotistic_contract import license as contract
from iotistic_contract.plans import TRIAL_DAYS, TRIAL_PLAN, plan_named

from .model import PlanSource, Subscription

if TYPE_CHECKING:
    from .model import Customer, StoredLicense

__all__ = ["license_for", "needs_new", "operator_plan", "renewed", "trial"]

OPERATOR_PERIOD = timedelta(days=365)
PAYING = frozenset({"active", "past_due"})
# What says nothing about the customer, only about one token.
OF_ONE_TOKEN = frozenset({"jti", "iat", "nbf", "exp", "revSeq"})


def trial(now: datetime) -> Subscription:
    """Return what a sign-up gets."""
    return Subscription(
        plan=str(TRIAL_PLAN),
        plan_source=PlanSource.TRIAL,
        status="trialing",
        trial_ends_at=now + timedelta(days=TRIAL_DAYS),
    )


def operator_plan(plan: str, now: datetime, held: Subscription | None) -> Subscription:
    """Return the subscription to ``plan`` by an operator's word; a period that runs goes on."""
    plan_named(plan)
    if held is not None and held.plan_source is PlanSource.OPERATOR:
        return renewed(replace(held, plan=plan, status="active"), now)
    return Subscription(
        plan=plan,
        plan_source=PlanSource.OPERATOR,
        status="active",
        current_period_ends_at=now + OPERATOR_PERIOD,
    )


def renewed(held: Subscription, now: datetime) -> Subscription:
    """Return the subscription in the period that holds ``now``; only an operator's renews so."""
    ends_at = held.current_period_ends_at
    if held.plan_source is not PlanSource.OPERATOR or ends_at is None or ends_at > now:
        return held
    if held.cancels_at_period_end or held.status not in PAYING:
        return held
    periods = (now - ends_at) // OPERATOR_PERIOD + 1
    return replace(held, current_period_ends_at=ends_at + periods * OPERATOR_PERIOD)


def license_for(
    customer: Customer, now: datetime, *, jti: str, revocations: int, last: datetime | None
) -> contract.License:
    """Return the claims that ``customer`` is to have from ``now`` on.

    ``last`` is when the license before was made: the new one is later, for the highest ``iat``
    wins. It ends 14 days after the trial or paid period, at most 400 days from its making.
    """
    held = customer.subscription
    plan = plan_named(held.plan)
    iat = int(now.timestamp())
    if last is not None:
        iat = max(iat, int(last.timestamp()) + 1)
    on_trial = held.trial_ends_at is not None
    ends_at = held.trial_ends_at or held.current_period_ends_at or now
    latest = datetime.fromtimestamp(iat, UTC) + contract.LONGEST
    return contract.License(
        iss=contract.ISSUER,
        aud=customer.id,
        sub=customer.id,
        jti=jti,
        iat=iat,
        nbf=iat,
        exp=max(int(min(ends_at + contract.GRACE, latest).timestamp()), iat + 1),
        rev_seq=revocations,
        customer_name=customer.company_name,
        plan=str(plan.name),
        features=plan.features,
        limits=plan.limits,
        trial=contract.Trial(is_trial_mode=on_trial, expires_at=held.trial_ends_at),
        subscription=contract.Subscription(
            status=held.status,
            current_period_ends_at=held.current_period_ends_at,
            cancels_at_period_end=held.cancels_at_period_end,
        ),
    )


def needs_new(stored: StoredLicense | None, wanted: contract.License) -> bool:
    """Tell whether what ``wanted`` says about the customer isn't what the stored one says."""
    if stored is None:
        return True
    return _said(stored.claims) != _said(wanted.claims())


def _said(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in OF_ONE_TOKEN}
