"""The scheduler against a real broker, database and signing process."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iotistic_contract.codec import format_time
from iotistic_kit.clock import SystemClock
from iotistic_pki.keys import KeyKind, new_key
from iotistic_tenant_api.scheduling.runtime import Scheduler
from iotistic_tenant_api.testing import MemoryDevice
from iotistic_tenant_api.usecases.keep_devices import Caller
from iotistic_tenant_api.usecases.orders import OrderDesk, Wish

if TYPE_CHECKING:
    import queue
    from collections.abc import AsyncIterator, Callable

pytestmark = [pytest.mark.real, pytest.mark.timeout(30)]

SPEC = {
    "apps": {
        "web": {
            "appId": "web",
            "appName": "Web",
            "services": [
                {"serviceId": "front", "serviceName": "front", "imageName": "busybox:1"},
            ],
        }
    },
    "config": {},
}


@pytest.fixture
async def scheduler(api: Any, broker: Any, conninfo: str) -> AsyncIterator[Scheduler]:
    settings = api.files.settings(conninfo, mqtt_port=broker.port, mqtt_pid_file=broker.pid_file)
    running = Scheduler(settings, SystemClock())
    async with running.database:
        task = asyncio.create_task(running.run())
        yield running
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _registered(api: Any) -> tuple[Any, str]:
    device = MemoryDevice()
    answer = await api.register(device, await api.provisioning_key())
    return device, answer.json["mqtt"]["clientCertificate"]


async def _get(waiting: queue.Queue[Any], seconds: float = 5) -> Any:
    return await asyncio.to_thread(waiting.get, True, seconds)


async def test_a_written_spec_is_announced_to_its_device_alone(
    api: Any, scheduler: Scheduler, sign_in: Callable[..., Any]
) -> None:
    (lamp, lamp_leaf), (other, other_leaf) = await _registered(api), await _registered(api)
    session = await asyncio.to_thread(sign_in, lamp, lamp_leaf, f"agent/{lamp.uuid}/#")
    spy = await asyncio.to_thread(sign_in, other, other_leaf, "#", f"agent/{lamp.uuid}/#")
    path = f"/api/v1/devices/{lamp.uuid}/target-state"
    await api.call("PUT", path, SPEC, headers={"If-Match": '"0"'})
    assert await _get(session.delivered) == (f"agent/{lamp.uuid}/update", b'{"schema":1}')
    again = await _get(session.delivered)
    assert again[0] == f"agent/{lamp.uuid}/update", "once more when every worker has heard"
    await asyncio.sleep(0.5)
    assert session.delivered.empty()
    assert spy.delivered.empty()
    assert await api.rows("SELECT * FROM poll_requests") == []


async def test_an_order_is_sent_once_to_its_device(
    api: Any, scheduler: Scheduler, sign_in: Callable[..., Any]
) -> None:
    device, leaf = await _registered(api)
    session = await asyncio.to_thread(sign_in, device, leaf, f"agent/{device.uuid}/upgrade")
    desk = OrderDesk(
        api.worker.database, api.worker.licensing, new_key(KeyKind.ED25519), SystemClock()
    )
    wish = Wish(version="0.2.0", sha256="ab" * 32, allow_downgrade=False)
    given = await desk.upgrade(device.uuid, wish, by=Caller(id="admin", name="admin"))
    topic, payload = await _get(session.delivered)
    assert topic == f"agent/{device.uuid}/upgrade"
    assert json.loads(payload) == {"schema": 1, "order": given.token}
    while await api.rows(  # noqa: ASYNC110 -- looks from outside
        "SELECT FROM orders WHERE announced_at IS NULL"
    ):
        await asyncio.sleep(0.02)
    assert session.delivered.empty()


async def test_what_the_broker_missed_is_told_when_it_is_back(
    api: Any, scheduler: Scheduler, broker: Any, sign_in: Callable[..., Any]
) -> None:
    device, leaf = await _registered(api)
    await asyncio.to_thread(broker.stop)
    assert (await api.call("POST", f"/api/v1/devices/{device.uuid}/poll-now")).status_code == 202
    await asyncio.sleep(0.3)
    assert len(await api.rows("SELECT * FROM poll_requests")) == 1
    await asyncio.to_thread(broker.start)
    session = await asyncio.to_thread(sign_in, device, leaf, f"agent/{device.uuid}/#")
    assert (await _get(session.delivered, 20))[0] == f"agent/{device.uuid}/update"


async def test_an_override_ends_by_itself(api: Any, scheduler: Scheduler) -> None:
    device, _ = await _registered(api)
    path = f"/api/v1/devices/{device.uuid}"
    await api.call("PUT", f"{path}/target-state", SPEC, headers={"If-Match": '"0"'})
    soon = format_time(SystemClock().now() + timedelta(seconds=1.5))
    wish = {"state": "stopped", "owner": "ada", "reason": "noise", "expiresAt": soon}
    answer = await api.call("PATCH", f"{path}/overrides", {"front": wish})
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    for _ in range(40):
        await asyncio.sleep(0.1)
        target = (await api.call("GET", f"{path}/target-state")).json
        if not target["overrides"]:
            break
    assert (target["version"], target["overrides"], target["specRevision"]) == (3, {}, 1)


async def test_a_removed_device_is_cut_and_its_certificate_stays_out(
    api: Any, scheduler: Scheduler, sign_in: Callable[..., Any]
) -> None:
    device, leaf = await _registered(api)
    session = await asyncio.to_thread(sign_in, device, leaf, f"agent/{device.uuid}/#")
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    assert await _get(session.cut, 10) == "Administrative action"
    await asyncio.sleep(2.5)  # the client tries again by itself
    assert not session.client.is_connected()
    assert await api.rows(
        "SELECT revoke_reason FROM device_certificates WHERE revoked_at IS NOT NULL"
    ) == [("removed",)]


async def test_a_second_registration_ends_the_first_certificate_at_its_first_use(
    api: Any, scheduler: Scheduler, sign_in: Callable[..., Any]
) -> None:
    key = await api.provisioning_key()
    device = MemoryDevice()
    first = (await api.register(device, key)).json["mqtt"]["clientCertificate"]
    await api.poll(device)
    session = await asyncio.to_thread(sign_in, device, first, f"agent/{device.uuid}/#")
    second = (await api.register(device, key)).json["mqtt"]["clientCertificate"]
    await asyncio.sleep(1)
    assert session.cut.empty()
    await api.poll(device)
    assert await _get(session.cut, 10) == "Administrative action"
    renewed = await asyncio.to_thread(sign_in, device, second, f"agent/{device.uuid}/#")
    assert renewed.client.is_connected()


async def test_a_scheduler_at_work_is_seen(api: Any, scheduler: Scheduler) -> None:
    await asyncio.sleep(0.5)
    ready = (await api.ask("GET", "/health/ready")).json
    assert ready["checks"]["scheduler"] == {"ok": True}


async def test_one_is_at_work_and_another_takes_over(
    api: Any, broker: Any, conninfo: str, sign_in: Callable[..., Any]
) -> None:
    settings = api.files.settings(conninfo, mqtt_port=broker.port, mqtt_pid_file=broker.pid_file)
    first, second = Scheduler(settings, SystemClock()), Scheduler(settings, SystemClock())
    device, leaf = await _registered(api)
    session = await asyncio.to_thread(sign_in, device, leaf, f"agent/{device.uuid}/#")
    locks = """SELECT granted, count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
               WHERE locktype = 'advisory' AND d.datname = current_database()
               GROUP BY granted ORDER BY granted DESC"""
    async with first.database, second.database:
        works = [asyncio.create_task(one.run()) for one in (first, second)]
        await asyncio.sleep(0.5)
        assert await api.rows(locks) == [(True, 1), (False, 1)]
        works[0].cancel()
        await api.call("POST", f"/api/v1/devices/{device.uuid}/poll-now")
        assert (await _get(session.delivered, 10))[0] == f"agent/{device.uuid}/update"
        works[1].cancel()
        await asyncio.gather(*works, return_exceptions=True)
