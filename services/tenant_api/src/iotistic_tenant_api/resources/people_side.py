"""Devices and provisioning keys, as people and their modules keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import check_provisioning_key_id, check_uuid
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.reports import is_online
from iotistic_tenant_api.resources.access import (
    MAKE_KEYS,
    READ_DEVICES,
    READ_KEYS,
    READ_STATES,
    WRITE_DEVICES,
    WRITE_TARGETS,
)
from iotistic_tenant_api.schemas import (
    CurrentStateView,
    DeviceChanges,
    DevicePage,
    DeviceView,
    NewDevice,
    NewProvisioningKey,
    Page,
    ProvisioningKeyCreated,
    ProvisioningKeyPage,
    ProvisioningKeyView,
)
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.provisioning import PostgresProvisioningKeys
from iotistic_tenant_api.storage.reports import PostgresReports
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.usecases.keep_devices import DeviceDesk, KeyDesk

__all__ = ["CurrentStates", "Devices", "PollRequests", "ProvisioningKeys"]

_FIRST_UUID = "00000000-0000-0000-0000-000000000000"


class ProvisioningKeys:
    """Keys that devices register with."""

    def __init__(self, database: Database, desk: KeyDesk) -> None:
        self._database = database
        self._desk = desk

    @operation("List provisioning keys", access=READ_KEYS, query=Page, response=ProvisioningKeyPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer keys by id, without secrets."""
        page = read_query(req, Page)
        async with self._database.connection() as connection:
            rows = await PostgresProvisioningKeys(connection).page(page.after, page.limit)
        items = [ProvisioningKeyView.model_validate(row) for row in rows]
        following = items[-1].id if len(items) == page.limit else None
        resp.media = ProvisioningKeyPage(items=items, next=following).wire()

    @operation(
        "Make a provisioning key",
        access=MAKE_KEYS,
        request=NewProvisioningKey,
        response=ProvisioningKeyCreated,
        status=201,
        problems=(402,),
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the new key; its string is shown this once."""
        body = await read_body(req, NewProvisioningKey)
        made = await self._desk.make(body.model_dump(), by=principal_of(req).id)
        resp.media = ProvisioningKeyCreated.model_validate(made).wire()
        resp.set_header("Cache-Control", "no-store")
        resp.status = 201
        resp.location = f"{req.path}/{made['id']}"

    @operation(
        "Show a provisioning key",
        access=READ_KEYS,
        response=ProvisioningKeyView,
        problems=(404, 422),
    )
    async def on_get_one(self, _req: Request, resp: Response, key_id: str) -> None:
        """Answer one key, without its secret."""
        async with self._database.connection() as connection:
            row = await PostgresProvisioningKeys(connection).view(check_provisioning_key_id(key_id))
        if row is None:
            raise Refused(404, "not_found", "no such provisioning key")
        resp.media = ProvisioningKeyView.model_validate(row).wire()

    @operation("Revoke a provisioning key", access=MAKE_KEYS, status=204, problems=(402, 404, 422))
    async def on_delete_one(self, req: Request, resp: Response, key_id: str) -> None:
        """Answer 204, also to a repeat."""
        await self._desk.revoke(check_provisioning_key_id(key_id), by=principal_of(req).id)
        resp.status = 204


class Devices:
    """Devices by uuid."""

    def __init__(self, database: Database, desk: DeviceDesk, clock: Clock) -> None:
        self._database = database
        self._desk = desk
        self._clock = clock

    @operation("List devices", access=READ_DEVICES, query=Page, response=DevicePage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer devices by uuid."""
        page = read_query(req, Page)
        after = check_uuid(page.after) if page.after else _FIRST_UUID
        async with self._database.connection() as connection:
            rows = await PostgresDevices(connection).page(after, page.limit)
        items = [self._view(row) for row in rows]
        following = items[-1].uuid if len(items) == page.limit else None
        resp.media = DevicePage(items=items, next=following).wire()

    @operation(
        "Describe a device that is to register",
        access=WRITE_DEVICES,
        request=NewDevice,
        response=DeviceView,
        status=201,
        problems=(402, 409),
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the device."""
        body = await read_body(req, NewDevice)
        row = await self._desk.describe(body.model_dump(), by=principal_of(req).id)
        resp.media = self._view(row).wire()
        resp.status = 201
        resp.location = f"{req.path}/{body.uuid}"

    @operation("Show a device", access=READ_DEVICES, response=DeviceView, problems=(404, 422))
    async def on_get_one(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer one device."""
        async with self._database.connection() as connection:
            row = await PostgresDevices(connection).view(check_uuid(uuid))
        if row is None:
            raise unknown_device(uuid)
        resp.media = self._view(row).wire()

    @operation(
        "Change a device",
        access=WRITE_DEVICES,
        request=DeviceChanges,
        response=DeviceView,
        problems=(402, 404),
    )
    async def on_patch_one(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the changed device."""
        body = await read_body(req, DeviceChanges)
        changes = body.model_dump(exclude_unset=True)
        _check_not_null(changes, ("name", "tags"))
        row = await self._desk.change(check_uuid(uuid), changes, by=principal_of(req).id)
        resp.media = self._view(row).wire()

    @operation("Remove a device", access=WRITE_DEVICES, status=204, problems=(402, 404, 422))
    async def on_delete_one(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer 204; its keys are dead from now on."""
        await self._desk.remove(check_uuid(uuid), by=principal_of(req).id)
        resp.status = 204

    def _view(self, row: Mapping[str, Any]) -> DeviceView:
        names = DeviceView.model_fields
        online = _online(row, self._clock.now())
        shown = {name: row[name] for name in names if name in row}
        return DeviceView(**shown, registered=row["registered_at"] is not None, online=online)


class CurrentStates:
    """What devices said last."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @operation(
        "Show a device's last report",
        access=READ_STATES,
        response=CurrentStateView,
        problems=(404, 422),
    )
    async def on_get(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer the report, null when there is none yet."""
        async with self._database.connection() as connection:
            device = await PostgresDevices(connection).view(check_uuid(uuid))
            state = await PostgresReports(connection).current(uuid)
        if device is None:
            raise unknown_device(uuid)
        resp.media = CurrentStateView(
            report=None if state is None else state["report"],
            received_at=None if state is None else state["received_at"],
            online=_online(device, self._clock.now()),
        ).wire()


class PollRequests:
    """Polls that people ask for."""

    def __init__(self, desk: DeviceDesk) -> None:
        self._desk = desk

    @operation(
        "Have a device poll now",
        access=WRITE_TARGETS | WRITE_DEVICES,
        status=202,
        problems=(402, 404, 422),
    )
    async def on_post(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer 202: the device is told as soon as the broker takes it."""
        await self._desk.poll_now(check_uuid(uuid))
        resp.status = 202


def _online(row: Mapping[str, Any], now: datetime) -> bool:
    return is_online(row["last_seen_at"], row["poll_interval_ms"], now)


def _check_not_null(changes: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in changes and changes[name] is None:
            raise Refused(422, "invalid", "may not be null", pointer=f"/{name}")
