"""Keys that are revoked, and the door that is opened again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iotistic_contract.codec import format_time
from iotistic_tenant_api.testing import MemoryDevice, said

pytestmark = pytest.mark.real


async def shut_out(api: Any, device: MemoryDevice) -> Any:
    answer = await api.call("DELETE", f"/api/v1/devices/{device.uuid}/keys")
    await api.heard()
    return answer


async def readmit(api: Any, device: MemoryDevice) -> Any:
    return await api.call("POST", f"/api/v1/devices/{device.uuid}/readmit")


async def test_revoked_keys_are_dead_and_their_device_cant_come_back_by_itself(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key(maxDevices=3)
    await api.register(device, key)
    assert (await api.poll(device)).status_code == 200
    assert (await shut_out(api, device)).status_code == 204
    assert (await api.poll(device)).status_code == 401
    revoked = await api.rows("SELECT revoke_reason FROM device_certificates")
    assert revoked == [("revoked",)]
    view = (await api.call("GET", f"/api/v1/devices/{device.uuid}")).json
    assert view["keysRevokedAt"] == format_time(api.clock.now())
    assert said(await api.register(device, key)) == (403, "device_revoked")
    stranger = MemoryDevice(uuid=device.uuid)
    assert said(await api.register(stranger, key)) == (403, "device_revoked")


async def test_a_readmitted_device_comes_back_once(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key(maxDevices=3)
    await api.register(device, key)
    await shut_out(api, device)
    view = (await readmit(api, device)).json
    assert view["reregisterUntil"] == format_time(api.clock.now() + timedelta(hours=24))
    assert (await api.register(device, key)).status_code == 200
    await api.heard()
    assert (await api.poll(device)).status_code == 200
    view = (await api.call("GET", f"/api/v1/devices/{device.uuid}")).json
    assert (view["keysRevokedAt"], view["reregisterUntil"]) == (None, None)
    assert said(await readmit(api, device)) == (409, "conflict")


async def test_the_door_closes_after_a_day(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key(maxDevices=3)
    await api.register(device, key)
    await shut_out(api, device)
    await readmit(api, device)
    api.clock.advance(timedelta(hours=24))
    assert said(await api.register(device, key)) == (403, "device_revoked")


async def test_a_removed_device_is_let_in_again_as_a_new_one(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key(maxDevices=3)
    await api.register(device, key)
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    assert said(await api.register(device, key)) == (403, "device_revoked")
    view = (await readmit(api, device)).json
    assert (view["name"], view["registered"], view["status"]) == ("lamp", False, "never_seen")
    assert (await api.register(device, key)).status_code == 200
    unknown = await readmit(api, MemoryDevice())
    assert said(unknown) == (404, "not_found")


async def test_who_did_it_is_remembered(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key(maxDevices=3)
    await api.register(device, key)
    await shut_out(api, device)
    await readmit(api, device)
    await api.register(device, key)
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    items = (await api.call("GET", "/api/v1/events")).json["items"]
    assert [item["type"] for item in items] == [
        "removed", "registered", "readmitted", "keys_revoked", "registered",
    ]  # fmt: skip
    assert {item["deviceUuid"] for item in items} == {device.uuid}
    audit = await api.rows("SELECT action FROM audit_log WHERE subject = %s", device.uuid)
    assert {action for (action,) in audit} == {
        "device_keys_revoked", "device_readmitted", "device_removed",
    }  # fmt: skip
