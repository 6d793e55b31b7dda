# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The catalogue of plans: the one place that billing, licenses, quotas and pages read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .codec import encode
from .errors import ContractError
from .plan_terms import FLAGS, LIMITS, Features, Limits, Plan, PlanName, Quota

__all__ = [
    "FLAGS",
    "LIMITS",
    "PLANS",
    "TRIAL_DAYS",
    "TRIAL_PLAN",
    "Features",
    "Limits",
    "Plan",
    "PlanName",
    "Quota",
    "catalogue",
    "plan_named",
]

TRIAL_PLAN = PlanName.STARTER
TRIAL_DAYS = 14

_STARTER = Plan(
    name=PlanName.STARTER,
    price_cents=29_00,
    overage_cents=5_00,
    trial_days=TRIAL_DAYS,
    limits=Limits(max_devices=5, max_job_templates=10, max_alert_rules=25, max_users=2),
    features=Features(
        can_execute_jobs=True,
        can_remote_access=True,
        can_export_data=True,
        prometheus_retention_days=7,
    ),
    retention_days=30,
    quota=Quota(cpu="4", memory="4Gi", persistent_volume_claims=5, storage="20Gi"),
)

_PROFESSIONAL = Plan(
    name=PlanName.PROFESSIONAL,
    price_cents=99_00,
    overage_cents=4_00,
    limits=Limits(max_devices=50, max_job_templates=100, max_alert_rules=100, max_users=10),
    features=Features(
        can_execute_jobs=True,
        can_remote_access=True,
        can_export_data=True,
        can_schedule_jobs=True,
        can_ota_updates=True,
        has_advanced_alerts=True,
        has_custom_dashboards=True,
        prometheus_retention_days=15,
    ),
    retention_days=365,
    quota=Quota(cpu="8", memory="12Gi", persistent_volume_claims=10, storage="100Gi"),
)

_ENTERPRISE = Plan(
    name=PlanName.ENTERPRISE,
    price_cents=None,
    overage_cents=None,
    limits=Limits(),
    features=Features(
        can_execute_jobs=True,
        can_remote_access=True,
        can_export_data=True,
        can_schedule_jobs=True,
        can_ota_updates=True,
        has_advanced_alerts=True,
        has_custom_dashboards=True,
        has_dedicated_prometheus=True,
        has_dedicated_grafana=True,
        prometheus_retention_days=30,
        prometheus_storage_gb=50,
    ),
    retention_days=730,
    quota=Quota(cpu="16", memory="32Gi", persistent_volume_claims=20, storage="500Gi"),
)

PLANS: Mapping[str, Plan] = MappingProxyType(
    {str(plan.name): plan for plan in (_STARTER, _PROFESSIONAL, _ENTERPRISE)}
)


def plan_named(name: object, pointer: str = "/plan") -> Plan:
    """Return the plan, or raise a ContractError at ``pointer`` that names those on sale."""
    plan = PLANS.get(name) if isinstance(name, str) else None
    if plan is None:
        raise ContractError(pointer, f"unknown plan {name!r}, expected one of {', '.join(PLANS)}")
    return plan


def catalogue() -> list[dict[str, Any]]:
    """Return the whole catalogue as JSON values, smallest plan first, unlimited as null."""
    return [_with_nulls(plan) for plan in PLANS.values()]


def _with_nulls(plan: Plan) -> dict[str, Any]:
    # A reader must see "unlimited" and "agreed singly" as null, not as a missing key.
    limits = {wire: getattr(plan.limits, attribute) for wire, attribute in LIMITS.items()}
    return {
        "name": str(plan.name),
        "currency": plan.currency,
        "priceCents": plan.price_cents,
        "overageCents": plan.overage_cents,
        "trialDays": plan.trial_days,
        "limits": limits,
        "features": encode(plan.features),
        "retentionDays": plan.retention_days,
        "quota": encode(plan.quota),
    }
