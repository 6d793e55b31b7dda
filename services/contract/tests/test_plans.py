"""The catalogue against the table that customers are sold by."""

from dataclasses import fields

import pytest

from iotistic_contract.codec import camel
from iotistic_contract.errors import ContractError
from iotistic_contract.plans import FLAGS, LIMITS, PLANS, Features, Limits, catalogue, plan_named

SOLD = {
    "starter": {
        "priceCents": 2900,
        "overageCents": 500,
        "trialDays": 14,
        "limits": {"maxDevices": 5, "maxJobTemplates": 10, "maxAlertRules": 25, "maxUsers": 2},
        "features": ["canExecuteJobs", "canRemoteAccess", "canExportData"],
        "prometheus": (7, 0),
        "retentionDays": 30,
        "quota": ("4", "4Gi", 5, "20Gi"),
    },
    "professional": {
        "priceCents": 9900,
        "overageCents": 400,
        "trialDays": None,
        "limits": {"maxDevices": 50, "maxJobTemplates": 100, "maxAlertRules": 100, "maxUsers": 10},
        "features": [
            "canExecuteJobs",
            "canRemoteAccess",
            "canExportData",
            "canScheduleJobs",
            "canOtaUpdates",
            "hasAdvancedAlerts",
            "hasCustomDashboards",
        ],
        "prometheus": (15, 0),
        "retentionDays": 365,
        "quota": ("8", "12Gi", 10, "100Gi"),
    },
    "enterprise": {
        "priceCents": None,
        "overageCents": None,
        "trialDays": None,
        "limits": {
            "maxDevices": None,
            "maxJobTemplates": None,
            "maxAlertRules": None,
            "maxUsers": None,
        },
        "features": [
            "canExecuteJobs",
            "canRemoteAccess",
            "canExportData",
            "canScheduleJobs",
            "canOtaUpdates",
            "hasAdvancedAlerts",
            "hasCustomDashboards",
            "hasDedicatedPrometheus",
            "hasDedicatedGrafana",
        ],
        "prometheus": (30, 50),
        "retentionDays": 730,
        "quota": ("16", "32Gi", 20, "500Gi"),
    },
}


def test_the_catalogue_is_what_is_sold() -> None:
    written = {
        entry["name"]: {
            "priceCents": entry["priceCents"],
            "overageCents": entry["overageCents"],
            "trialDays": entry["trialDays"],
            "limits": entry["limits"],
            "features": [name for name in FLAGS if entry["features"][name]],
            "prometheus": (
                entry["features"]["prometheusRetentionDays"],
                entry["features"]["prometheusStorageGb"],
            ),
            "retentionDays": entry["retentionDays"],
            "quota": tuple(entry["quota"].values()),
        }
        for entry in catalogue()
    }
    assert written == SOLD
    assert list(written) == ["starter", "professional", "enterprise"]


def test_flags_and_limits_name_every_field() -> None:
    named = {**FLAGS, **LIMITS}
    held = {field.name for field in (*fields(Features), *fields(Limits))}
    assert held - set(named.values()) == {"prometheus_retention_days", "prometheus_storage_gb"}
    assert {camel(attribute): attribute for attribute in named.values()} == named


def test_a_larger_plan_never_offers_less() -> None:
    starter, professional, enterprise = PLANS.values()
    for smaller, larger in ((starter, professional), (professional, enterprise)):
        for name in FLAGS.values():
            assert getattr(larger.features, name) >= getattr(smaller.features, name)
        for name in LIMITS.values():
            most = getattr(larger.limits, name)
            assert most is None or most > getattr(smaller.limits, name)


@pytest.mark.parametrize("name", ["gold", "", None, 5, "Starter"])
def test_an_unknown_plan_is_refused_with_those_on_sale(name: object) -> None:
    with pytest.raises(ContractError, match="starter, professional, enterprise") as refused:
        plan_named(name)
    assert refused.value.pointer == "/plan"


def test_the_catalogue_can_not_be_changed_by_a_reader() -> None:
    with pytest.raises(TypeError):
        PLANS["gold"] = PLANS["starter"]  # type: ignore[index]
