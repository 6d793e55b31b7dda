"""Specs, revisions, overrides, secrets, and many devices at once."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from iotistic_contract.codec import b64u_decode, format_time
from iotistic_pki.sealing import Sealed, SealedTo, new_sealing_key, open_secret
from iotistic_tenant_api.testing import MemoryDevice, said, spec

pytestmark = pytest.mark.real


def stopped(**changes: Any) -> dict[str, Any]:
    return {"state": "stopped", "owner": "ada", "reason": "noise"} | changes


async def patch(api: Any, device: MemoryDevice, body: Any) -> Any:
    answer = await api.call("PATCH", f"/api/v1/devices/{device.uuid}/overrides", body)
    await api.heard()
    return answer


async def test_a_device_without_a_target(api: Any) -> None:
    device = await api.registered()
    view = (await api.call("GET", f"/api/v1/devices/{device.uuid}/target-state")).json
    etag = (await api.poll(device)).headers["etag"]
    assert view == {"uuid": device.uuid, "spec": None, "specRevision": 0, "overrides": {},
                    "version": 0, "etag": etag}  # fmt: skip


async def test_revisions_guard_against_lost_writes(api: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/devices/{device.uuid}/target-state"
    assert said(await api.call("PUT", path, spec("a"))) == (428, "precondition_required")
    assert said(await api.write(device, spec("a"), 1)) == (412, "precondition_failed")
    first = await api.write(device, spec("a"), 0)
    assert (first.json["specRevision"], first.headers["etag"]) == (1, '"1"')
    same = await api.write(device, spec("a"), 1)
    assert (same.json["specRevision"], same.json["version"]) == (1, 1), "nothing changes"
    assert said(await api.write(device, spec("b"), 0)) == (412, "precondition_failed")
    assert (await api.write(device, spec("b"), 1)).json["version"] == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (spec("a") | {"strange": 1}, "/strange"),
        ({"apps": {"web": {"appId": "other", "appName": "x"}}}, "/apps/web/appId"),
        (spec("a", "a"), "/apps/web/services/1/serviceId"),
        (spec("a", logging={"level": "loud"}), "/config/logging/level"),
        ({"apps": {"w": {"appId": 1, "appName": "x"}}}, "/apps/w/appId"),
        ([], ""),
    ],
)
async def test_a_wrong_spec_is_refused_with_its_pointer(api: Any, body: Any, pointer: str) -> None:
    device = await api.registered()
    answer = await api.write(device, body)
    assert said(answer) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == pointer


async def test_an_override_is_kept_by_writes_and_dropped_with_its_service(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a", "b"))
    view = (await patch(api, device, {"a": stopped()})).json
    assert (view["version"], view["specRevision"]) == (2, 1)
    assert view["overrides"] == {"a": stopped()}
    services = (await api.poll(device)).json["apps"]["web"]["services"]
    assert [service["state"] for service in services] == ["stopped", "running"]
    view = (await api.write(device, spec("a", "b", "c"), 1)).json
    assert view["overrides"] == {"a": stopped()}
    view = (await api.write(device, spec("b"), 2)).json
    assert view["overrides"] == {}


async def test_an_override_ends_or_is_taken_back(api: Any) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    until = format_time(api.clock.now() + timedelta(minutes=1))
    await patch(api, device, {"a": stopped(expiresAt=until)})
    api.clock.advance(timedelta(minutes=2))
    state = (await api.poll(device)).json
    assert (state["version"], state["apps"]["web"]["services"][0]["state"]) == (2, "stopped"), (
        "until the scheduler ends it, it holds"
    )
    assert (await patch(api, device, {"a": None})).json["version"] == 3
    assert (await patch(api, device, {"a": None})).json["version"] == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"z": stopped()}, "/z"),
        ({"a": stopped(state="gone")}, "/a/state"),
        ({"a": {"state": "stopped"}}, "/a/owner"),
        ({"a": stopped(owner=" ")}, "/a/owner"),
        ([], ""),
    ],
)
async def test_a_wrong_override_is_refused(api: Any, body: Any, pointer: str) -> None:
    device = await api.registered()
    await api.write(device, spec("a"))
    answer = await patch(api, device, body)
    assert said(answer) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == pointer


async def test_secrets_are_shown_as_hmac_and_delivered_sealed(api: Any) -> None:
    device = await api.registered()
    view = (await api.write(device, spec("a", secrets={"TOKEN": "hunter2"}))).json
    shown = view["spec"]["apps"]["web"]["services"][0]["config"]["secrets"]["TOKEN"]
    assert list(shown) == ["hmac"]
    dump = str(await api.rows("SELECT t::text FROM device_target_state t"))
    assert "hunter2" not in dump
    document = (await api.poll(device)).json
    sent = document["apps"]["web"]["services"][0]["config"]["secrets"]["TOKEN"]
    assert sent["hmac"] == shown["hmac"]
    sealed = Sealed(
        ephemeral_public_key=b64u_decode(sent["ephemeralPublicKey"]),
        nonce=b64u_decode(sent["nonce"]),
        ciphertext=b64u_decode(sent["ciphertext"]),
    )
    to = SealedTo(uuid=device.uuid, service_id="a", name="TOKEN")
    assert open_secret(sealed, device.sealing_key, to) == b"hunter2"
    again = await api.write(device, spec("a", secrets={"TOKEN": "hunter2"}), 1)
    assert (again.json["specRevision"], again.json["version"]) == (1, 1)
    kept = await api.write(device, spec("a", "b", secrets={"TOKEN": shown}), 1)
    assert kept.json["version"] == 2
    wrong = {"hmac": "A" * 43}
    assert said(await api.write(device, spec("a", secrets={"TOKEN": wrong}), 2)) == (422, "invalid")


async def test_a_module_compares_secrets_without_the_key(api: Any) -> None:
    device = await api.registered()
    view = (await api.write(device, spec("a", secrets={"TOKEN": "hunter2"}))).json
    shown = view["spec"]["apps"]["web"]["services"][0]["config"]["secrets"]["TOKEN"]["hmac"]
    ask = {"uuids": [device.uuid], "secrets": {device.uuid: {"a": {"TOKEN": "hunter2"}}}}
    path = "/api/v1/target-states/query"
    answer = await api.call("POST", path, ask)
    assert answer.json["items"][0]["secretHmacs"] == {"a": {"TOKEN": shown}}
    assert (await api.call("POST", path, ask, scope=["read"])).status_code == 403


async def test_a_new_sealing_key_gets_the_document_again(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    await api.register(device, key)
    await api.write(device, spec("a"))
    etag = (await api.poll(device)).headers["etag"]
    device.sealing_key = new_sealing_key()
    await api.register(device, key)
    assert (await api.poll(device, etag)).status_code == 200


async def test_a_bulk_write_is_all_or_nothing(api: Any) -> None:
    first, second = await api.registered(), await api.registered()

    async def put(*targets: tuple[str, int, Any]) -> Any:
        body = [{"uuid": u, "specRevision": r, "spec": s} for u, r, s in targets]
        return await api.call("PUT", "/api/v1/target-states", {"targets": body})

    answer = await put((first.uuid, 0, spec("a")), (second.uuid, 0, spec("b")))
    assert [item["version"] for item in answer.json["items"]] == [1, 1]
    stale = await put((first.uuid, 1, spec("c")), (second.uuid, 0, spec("c")))
    assert (said(stale), stale.json["uuid"]) == ((412, "precondition_failed"), second.uuid)
    wrong = await put((first.uuid, 1, spec("c")), (second.uuid, 1, spec("c", "c")))
    pointer = "/targets/1/spec/apps/web/services/1/serviceId"
    assert (said(wrong), wrong.json["errors"][0]["pointer"]) == ((422, "invalid"), pointer)
    assert (
        said(await put((first.uuid, 1, spec("c")), (MemoryDevice().uuid, 0, spec("c"))))[0] == 404
    )
    twice = await put((first.uuid, 1, spec("c")), (first.uuid, 1, spec("d")))
    assert said(twice) == (422, "invalid")
    versions = await api.rows("SELECT version FROM device_target_state")
    assert versions == [(1,), (1,)]


class TestManyDevices:
    """Ten thousand devices, one call."""

    @pytest.fixture
    def plan(self) -> str:
        return "enterprise"

    @pytest.mark.timeout(60)
    async def test_ten_thousand_devices_in_one_call(self, api: Any) -> None:
        rows = await api.rows(
            """INSERT INTO devices (uuid, name, created_at, registered_at)
               SELECT gen_random_uuid(), 'd', now(), now() FROM generate_series(1, 10000)
               RETURNING uuid::text"""
        )
        wanted = spec("a", "b", "c")
        targets = [{"uuid": uuid, "specRevision": 0, "spec": wanted} for (uuid,) in rows]
        began = time.perf_counter()
        answer = await api.call("PUT", "/api/v1/target-states", {"targets": targets})
        written = time.perf_counter() - began
        assert [item["version"] for item in answer.json["items"]] == [1] * 10_000
        query = {"uuids": [uuid for (uuid,) in rows]}
        began = time.perf_counter()
        found = await api.call("POST", "/api/v1/target-states/query", query)
        queried = time.perf_counter() - began
        assert len(found.json["items"]) == 10_000
        print(f"10,000 devices: written in {written:.2f} s, read in {queried:.2f} s")  # noqa: T201
