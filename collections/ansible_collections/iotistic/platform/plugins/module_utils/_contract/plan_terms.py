# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What a plan is made of: limits, features, quota, price."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from .codec import check_fields
from .ids import Count

__all__ = ["FLAGS", "LIMITS", "Features", "Limits", "Plan", "PlanName", "Quota"]


class PlanName(StrEnum):
    """The plans on sale, smallest first."""

    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many of each a tenant may have; None is unlimited."""

    max_devices: Count | None = None
    max_job_templates: Count | None = None
    max_alert_rules: Count | None = None
    max_users: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a tenant may do, and the size of the metrics store that it gets."""

    can_execute_jobs: bool = False
    can_remote_access: bool = False
    can_export_data: bool = False
    can_schedule_jobs: bool = False
    can_ota_updates: bool = False
    has_advanced_alerts: bool = False
    has_custom_dashboards: bool = False
    has_dedicated_prometheus: bool = False
    has_dedicated_grafana: bool = False
    prometheus_retention_days: Count = 0
    prometheus_storage_gb: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant's namespace may use, in Kubernetes' own quantities."""

    cpu: str
    memory: str
    persistent_volume_claims: int
    storage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a customer gets and pays; money in integer cents, a price of None is agreed singly."""

    name: PlanName
    price_cents: int | None
    overage_cents: int | None
    limits: Limits
    features: Features
    retention_days: int
    quota: Quota
    currency: str = "USD"
    trial_days: int | None = None


# Wire name -> attribute, for the flags and limits that routes and pages are guarded by.
FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "canExecuteJobs": "can_execute_jobs",
        "canRemoteAccess": "can_remote_access",
        "canExportData": "can_export_data",
        "canScheduleJobs": "can_schedule_jobs",
        "canOtaUpdates": "can_ota_updates",
        "hasAdvancedAlerts": "has_advanced_alerts",
        "hasCustomDashboards": "has_custom_dashboards",
        "hasDedicatedPrometheus": "has_dedicated_prometheus",
        "hasDedicatedGrafana": "has_dedicated_grafana",
    }
)
LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "maxDevices": "max_devices",
        "maxJobTemplates": "max_job_templates",
        "maxAlertRules": "max_alert_rules",
        "maxUsers": "max_users",
    }
)
