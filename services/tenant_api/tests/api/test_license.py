"""The license and what it gates: people's writes, never a device."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iotistic_contract.provisioning import ProvisioningString
from iotistic_pki.keys import KeyKind, new_key
from iotistic_pki.tokens import sign_license
from iotistic_tenant_api.openapi import described
from iotistic_tenant_api.security.billing import read_installed, store_installed
from iotistic_tenant_api.storage.connection import LICENSE_CHANGED, announce
from iotistic_tenant_api.testing import MemoryDevice

if TYPE_CHECKING:
    from iotistic_kit.app import Route

pytestmark = pytest.mark.real

READS = {("POST", "/api/v1/target-states/query"), ("POST", "/api/license/verify")}
PEOPLE = ("/api/v1/auth/", "/api/v1/users", "/api/v1/invitations")
"""Have a table of their own, in people/test_license.py."""
OPEN = {
    ("DELETE", "/api/v1/devices/{uuid}/keys"),
    ("DELETE", "/api/v1/devices/{uuid}"),
    ("DELETE", "/api/provisioning-keys/{key_id}"),
}
"""Only take access away."""
SPEC: dict[str, Any] = {"apps": {}, "config": {}}


def _is_peoples_write(route: Route) -> bool:
    people = any(need.kind == "service" for need in route.operation.access.needs)
    people = people and not route.path.startswith(PEOPLE)
    return people and route.method != "GET" and (route.method, route.path) not in READS | OPEN


WRITES = [route for route in described().routes() if _is_peoples_write(route)]


def _body(path: str, method: str) -> Any:
    wrong = {"state": "stopped", "owner": "ada", "reason": "noise"}
    bodies = {
        "/api/provisioning-keys": {},
        "/api/v1/devices": {"uuid": MemoryDevice().uuid, "name": "lamp"},
        "/api/v1/devices/{uuid}": {"name": "lamp"},
        "/api/v1/devices/{uuid}/target-state": SPEC,
        "/api/v1/devices/{uuid}/overrides": {"a": wrong},
        "/api/v1/devices/{uuid}/target-state/draft": SPEC,
        "/api/v1/devices/{uuid}/deploy": {"baseRevision": 0},
        "/api/v1/devices/{uuid}/rollback": {"version": 1, "baseRevision": 0},
        "/api/v1/devices/{uuid}/upgrade": {"version": "1.0"},
        "/api/v1/target-states": {"targets": []},
    }
    return None if method == "DELETE" else bodies.get(path, {})


async def _install(api: Any, **changes: Any) -> None:
    """Replace the license by one that is newer and otherwise as `changes` say."""
    billing, customer = api.files.billing, api.worker.settings.customer_id
    now = api.clock.now()
    license_ = replace(billing.license(customer, now, "starter"), **changes)
    seeds = api.worker.licensing._seeds
    async with api.worker.database.transaction() as connection:
        held = await read_installed(connection, seeds, customer, now)
        token = sign_license(license_, billing.license_key)
        await store_installed(connection, seeds, replace(held, license=license_, token=token), now)
        await announce(connection, LICENSE_CHANGED, ["license"])
    await api.heard()


class TestWithout:
    """No license at all."""

    @pytest.fixture
    def plan(self) -> str:
        return ""

    async def test_every_write_of_people_answers_402(self, api: Any) -> None:
        assert len(WRITES) == 18
        for route in WRITES:
            path = route.path.replace("{uuid}", MemoryDevice().uuid).replace("{key_id}", "k")
            answer = await api.call(
                route.method,
                path,
                _body(route.path, route.method),
                headers={"If-Match": '"0"'},
                params={"draftRevision": 1} if path.endswith("/draft") else None,
            )
            assert answer.status_code == 402, (route.method, route.path, answer.text)
            assert answer.json["licenseState"] == "missing"

    async def test_it_is_shown_as_missing(self, api: Any) -> None:
        shown = (await api.call("GET", "/api/license")).json
        assert (shown["state"], shown["license"]) == ("missing", None)
        verified = (await api.call("GET", "/api/license/verify")).json
        assert verified == {"valid": False, "reason": "missing", "license": None}


async def test_devices_go_on_when_the_license_has_expired(api: Any) -> None:
    device = await api.registered()
    await api.write(device, SPEC)
    api.clock.advance(timedelta(days=30 + 14 + 31))
    await api.heard()
    shown = (await api.call("GET", "/api/license")).json
    assert shown["state"] == "expired"
    refused = await api.write(device, SPEC, 1)
    assert (refused.status_code, refused.json["code"]) == (402, "payment_required")
    assert (await api.poll(device)).status_code == 200
    report = {"schema": 1, "stream": "s", "epoch": 1, "sequence": 1,
              "at": "2026-11-24T10:00:00.000Z"}  # fmt: skip
    answer = await api.ask("PATCH", "/api/v1/device/state", report, headers=device.headers)
    assert answer.status_code == 204


@pytest.mark.parametrize("days", [45, 75])
async def test_a_license_that_ended_keeps_nobody_from_shutting_out(api: Any, days: int) -> None:
    device, key = await api.registered(), await api.provisioning_key()
    api.clock.advance(timedelta(days=days))
    names = {"uuid": device.uuid, "key_id": ProvisioningString.parse(key).key_id}
    by = "/api/v1/devices/{uuid}/keys", "/api/v1/devices/{uuid}", "/api/provisioning-keys/{key_id}"
    assert {("DELETE", path) for path in by} == OPEN
    for path in by:
        answer = await api.call("DELETE", path.format(**names))
        assert answer.status_code == 204, (path, answer.text)
    await api.heard()
    assert (await api.poll(device)).status_code == 401
    used = await api.rows("SELECT 1 FROM provisioning_keys WHERE revoked_at IS NULL AND id = %s",
                          names["key_id"])  # fmt: skip
    assert used == []
    readmitted = await api.call("POST", f"/api/v1/devices/{device.uuid}/readmit")
    assert readmitted.status_code == 402, "the way back in is a write as any other"


@pytest.mark.parametrize(
    ("days", "state", "status"),
    [(0, "valid", 200), (31, "grace", 200), (45, "restricted", 402), (75, "expired", 402)],
)
async def test_states_by_time(api: Any, days: int, state: str, status: int) -> None:
    device = await api.registered()
    api.clock.advance(timedelta(days=days))
    assert (await api.call("GET", "/api/license")).json["state"] == state
    assert (await api.write(device, SPEC)).status_code == status


async def test_the_license_shows_plan_limits_and_use(api: Any) -> None:
    await api.registered()
    owner = await api.person("owner")
    invited = {"email": "new@example.com", "role": "viewer"}
    assert (await api.by(owner, "POST", "/api/v1/invitations", invited)).status_code == 201
    shown = (await api.call("GET", "/api/license")).json
    assert shown["license"]["plan"] == "professional"
    assert shown["license"]["limits"]["maxDevices"] == 50
    assert shown["usage"] == {"maxDevices": 1, "maxUsers": 2}, "who is invited has a place"


async def test_verify_tells_what_a_token_is(api: Any) -> None:
    billing, customer = api.files.billing, api.worker.settings.customer_id
    now = api.clock.now()
    foreign = billing.license_token("cust_" + "b2" * 16, now)
    forged = sign_license(billing.license(customer, now), new_key(KeyKind.RSA_3072))
    for token, valid, reason in (
        (None, True, None),
        (billing.license_token(customer, now), True, None),
        (foreign, False, "aud"),
        (forged, False, "kid"),
        (api.token(), False, "alg"),
        ("no.token.at-all", False, "malformed"),
    ):
        answer = await api.call("POST", "/api/license/verify", {"token": token})
        assert (answer.json["valid"], answer.json["reason"]) == (valid, reason)


async def test_after_a_downgrade_only_the_first_devices_are_deployed_to(api: Any) -> None:
    devices = []
    for _ in range(7):
        devices.append(await api.registered())
        api.clock.advance(timedelta(seconds=1))
    await _install(api)
    answers = [await api.write(device, SPEC) for device in devices]
    assert [answer.status_code for answer in answers] == [200] * 5 + [403] * 2
    refused = answers[-1].json
    assert {name: refused[name] for name in ("code", "limit", "used", "feature")} == {
        "code": "limit_reached", "limit": 5, "used": 7, "feature": "maxDevices",
    }  # fmt: skip
    assert (await api.poll(devices[-1])).status_code == 200


async def test_a_changed_license_is_in_force_at_once(api: Any) -> None:
    device = await api.registered()
    now = int(api.clock.now().timestamp())
    await _install(api, iat=now - 86400 * 60, exp=now - 86400)
    assert (await api.write(device, SPEC)).status_code == 200, "the higher iat wins: the seed"
    api.clock.advance(timedelta(minutes=1))
    unpaid = replace(api.files.billing.license("x", api.clock.now()).subscription, status="unpaid")
    await _install(api, subscription=unpaid)
    assert (await api.write(device, {"apps": {}}, 1)).status_code == 402
