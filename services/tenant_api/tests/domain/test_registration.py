"""Who may register with which key: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotistic_contract.provisioning import secret_hash
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.registration import (
    Admission,
    DeviceOnFile,
    ProvisioningKey,
    admit,
    check_plan,
    secret_matches,
)

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
PAST, SOON = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
U, OTHER = "u", "other"
OWN, NEW = b"own key", b"new key"


def key(**changes: Any) -> ProvisioningKey:
    return ProvisioningKey(**({"id": "k", "secret_hash": b"", "max_devices": 1} | changes))


def device(**changes: Any) -> DeviceOnFile:
    return DeviceOnFile(**({"uuid": U} | changes))


def registered(**changes: Any) -> DeviceOnFile:
    return device(**({"public_key": OWN, "registered_at": PAST} | changes))


FIRST = Admission(takes_place=True, counts=True, fleet=None)
AGAIN = Admission(takes_place=False, counts=False, fleet=None)
ANEW = Admission(takes_place=True, counts=False, fleet=None)


@pytest.mark.parametrize(
    ("known", "shown", "public_key", "outcome"),
    [
        (None, key(), OWN, FIRST),
        (None, key(fleet="f"), OWN, Admission(takes_place=True, counts=True, fleet="f")),
        (None, key(expires_at=NOW), OWN, "invalid_provisioning_key"),
        (None, key(revoked_at=PAST), OWN, "invalid_provisioning_key"),
        (None, key(device_uuid=U), OWN, FIRST),
        (None, key(device_uuid=OTHER), OWN, "key_bound"),
        (device(), key(), OWN, FIRST),
        (device(fleet="f"), key(), OWN, "other_fleet"),
        (device(), key(fleet="f"), OWN, "other_fleet"),
        (device(deleted_at=PAST), key(), OWN, "device_revoked"),
        (registered(), key(), OWN, AGAIN),
        (registered(), key(expires_at=PAST), OWN, AGAIN),
        (registered(), key(used=1), OWN, AGAIN),
        (registered(), key(revoked_at=PAST), OWN, "invalid_provisioning_key"),
        (registered(), key(device_uuid=OTHER), OWN, "key_bound"),
        (registered(fleet="f"), key(fleet="g"), OWN,
         Admission(takes_place=False, counts=False, fleet="f")),
        (registered(), key(), NEW, "already_registered"),
        (registered(), key(expires_at=PAST), NEW, "invalid_provisioning_key"),
        (registered(reregister_until=SOON), key(), NEW, ANEW),
        (registered(reregister_until=NOW), key(), NEW, "already_registered"),
        (registered(reregister_until=SOON, fleet="f"), key(), NEW, "other_fleet"),
        (registered(deleted_at=PAST), key(), OWN, "device_revoked"),
        (device(registered_at=PAST), key(), NEW, ANEW),
    ],
)  # fmt: skip
def test_admission(known: Any, shown: Any, public_key: bytes, outcome: Any) -> None:
    if isinstance(outcome, Admission):
        assert admit(U, public_key, device=known, key=shown, now=NOW) == outcome
        return
    with pytest.raises(Refused) as refused:
        admit(U, public_key, device=known, key=shown, now=NOW)
    assert refused.value.code == outcome


def test_a_secret_is_compared_by_its_hash() -> None:
    held = key(secret_hash=secret_hash("right"))
    assert secret_matches(held, "right")
    assert not secret_matches(held, "wrong")
    assert not secret_matches(None, "right")


@pytest.mark.parametrize(
    ("limit", "used", "passes"), [(None, 999, True), (5, 4, True), (5, 5, False)]
)
def test_the_plans_number(limit: int | None, used: int, passes: bool) -> None:
    if passes:
        check_plan(limit, used)
        return
    with pytest.raises(Refused) as refused:
        check_plan(limit, used)
    assert refused.value.members == {"limit": limit, "used": used, "of": "plan"}
