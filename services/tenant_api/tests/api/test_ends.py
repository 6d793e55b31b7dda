"""Calls that meet the end of a registration, or each other: one of them waits, and sees."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import create_scope

from iotistic_contract.codec import decode
from iotistic_contract.provisioning import CertificatesRequest
from iotistic_pki.signer_client import SignerClient
from iotistic_tenant_api.security.certificates import DeviceCertificates, Issued
from iotistic_tenant_api.testing import MemoryDevice
from iotistic_tenant_api.usecases.signed_calls import RenewCertificate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.real


async def slowly(
    api: Any, call: tuple[str, str, Any], headers: Any, meanwhile: Callable[[], Awaitable[None]]
) -> int:
    """Send a call of which `meanwhile` happens before its body is whole; return the status."""
    method, path, document = call
    body = json.dumps(document).encode()
    told = headers | {"Content-Type": "application/json", "Content-Length": str(len(body))}
    statuses: list[Any] = []
    pieces = iter((body[:5], body[5:]))

    async def receive() -> dict[str, Any]:
        piece = next(pieces, b"")
        if piece == body[5:]:
            await meanwhile()
        return {"type": "http.request", "body": piece, "more_body": piece == body[:5]}

    async def send(event: dict[str, Any]) -> None:
        statuses.append(event.get("status"))

    await api.conductor.app(create_scope(path, method=method, headers=told), receive, send)
    return int(statuses[0])


async def until_it_waits(api: Any, task: asyncio.Task[Any], waiting: int = 1) -> None:
    """Return when `task` has ended, or when so many of this database's sessions wait for a lock."""
    statement = """SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    while not task.done() and await api.rows(statement) != [(waiting,)]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def remove(api: Any, device: MemoryDevice, _: str) -> None:
    answer = await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    assert answer.status_code == 204


async def release(api: Any, device: MemoryDevice, _: str) -> None:
    path = f"/api/v1/device/{device.uuid}/release"
    assert (await api.ask("POST", path, device.release())).status_code == 204


async def supersede(api: Any, device: MemoryDevice, key: str) -> None:
    successor = replace(device)
    assert (await api.register(successor, key)).status_code == 200
    told = report(stream="successor")
    answer = await api.ask("PATCH", "/api/v1/device/state", told, headers=successor.headers)
    assert answer.status_code == 204


def report(**changes: Any) -> dict[str, Any]:
    told = {"schema": 1, "stream": "a", "epoch": 1, "sequence": 1,
            "at": "2026-11-24T10:00:00.000Z", "status": "applied"}  # fmt: skip
    return told | changes


def renewal_of(device: MemoryDevice) -> tuple[str, str, Any]:
    path = f"/api/v1/device/{device.uuid}/certificates"
    return "POST", path, device.certificate_request()


def report_of(_: MemoryDevice) -> tuple[str, str, Any]:
    return "PATCH", "/api/v1/device/state", report(stream="late")


@pytest.mark.parametrize("end", [remove, release, supersede])
@pytest.mark.parametrize("call_of", [renewal_of, report_of])
async def test_a_body_that_comes_after_the_end_changes_nothing(
    api: Any, end: Any, call_of: Any
) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    await api.register(device, key)

    async def meanwhile() -> None:
        await end(api, device, key)

    assert await slowly(api, call_of(device), device.headers, meanwhile) == 401
    kept = await api.rows(
        """SELECT serial FROM device_certificates WHERE registration = %s AND revoke_at IS NULL
           UNION ALL SELECT stream FROM device_marks WHERE stream = 'late'
           UNION ALL SELECT report->>'stream' FROM device_current_state WHERE registration = %s""",
        device.registration,
        device.registration,
    )
    assert kept == []


class PausedCertificates(DeviceCertificates):
    """The signing process, asked when the test says."""

    def __init__(self, signer: SignerClient) -> None:
        super().__init__(signer)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def issue(self, request: str, uuid: str, registration: str) -> Issued:
        self.asked.set()
        await self.go.wait()
        return await super().issue(request, uuid, registration)


async def test_a_removal_revokes_the_certificate_that_is_being_issued(api: Any) -> None:
    device = await api.registered()
    certificates = PausedCertificates(SignerClient(api.files.folder / "s"))
    renew = RenewCertificate(api.worker.database, certificates, api.clock)
    key = await api.worker.device_keys.check(device.api_key)
    request = decode(CertificatesRequest, device.certificate_request(), unknown="keep")
    renewal = asyncio.create_task(renew(key, request))
    await certificates.asked.wait()
    removal = asyncio.create_task(remove(api, device, ""))
    await until_it_waits(api, removal)
    certificates.go.set()
    await asyncio.gather(renewal, removal)
    rows = await api.rows("SELECT revoke_reason FROM device_certificates")
    assert rows == [("removed",)] * 2


async def test_a_first_use_ends_no_registration_that_follows_it(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    await api.register(device, key)
    successor = replace(device)
    async with api.worker.database.transaction() as held:
        await hold_registration(held, device)
        first_use = asyncio.create_task(api.poll(device))
        await until_it_waits(api, first_use)
        registration = asyncio.create_task(api.register(successor, key))
        await until_it_waits(api, registration, 2)
    answers = await asyncio.gather(first_use, registration)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await api.poll(successor)).status_code == 200


async def test_a_first_use_and_a_removal_wait_for_each_other_in_one_order(api: Any) -> None:
    device = await api.registered()
    async with api.worker.database.transaction() as held:
        await hold_registration(held, device)
        removal = asyncio.create_task(remove(api, device, ""))
        await until_it_waits(api, removal)
        first_use = asyncio.create_task(api.poll(device))
        await until_it_waits(api, first_use, 2)
    await removal
    assert (await first_use).status_code == 401


async def hold_registration(connection: Any, device: MemoryDevice) -> None:
    statement = "SELECT FROM device_registrations WHERE id = %s FOR UPDATE"
    await connection.execute(statement, (device.registration,))


async def test_a_description_waits_for_the_registration_of_its_uuid(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    async with api.worker.database.transaction() as held:
        await held.execute("SELECT FROM provisioning_keys FOR UPDATE")
        registration = asyncio.create_task(api.register(device, key))
        await until_it_waits(api, registration)
        described = {"uuid": device.uuid, "name": "lamp"}
        description = asyncio.create_task(api.call("POST", "/api/v1/devices", described))
        await until_it_waits(api, description, 2)
    answers = await asyncio.gather(registration, description)
    assert [answer.status_code for answer in answers] == [200, 409]


async def test_two_releases_at_once_are_one(api: Any) -> None:
    device = await api.registered()
    async with api.worker.database.transaction() as held:
        await held.execute("SELECT FROM devices FOR NO KEY UPDATE")
        releases = []
        for waiting in (1, 2):
            releases.append(asyncio.create_task(release(api, device, "")))
            await until_it_waits(api, releases[-1], waiting)
    await asyncio.gather(*releases)
    rows = await api.rows("SELECT count(*) FROM audit_log WHERE action = 'device_released'")
    assert rows == [(1,)]
