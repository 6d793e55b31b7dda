"""Provisioning keys, last reports and polls, as people and their modules keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.ids import check_provisioning_key_id, check_uuid
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import (
    MAKE_KEYS,
    READ_KEYS,
    READ_STATES,
    WRITE_DEVICES,
    WRITE_TARGETS,
)
from iotistic_tenant_api.schemas import (
    CurrentStateView,
    NewProvisioningKey,
    Page,
    ProvisioningKeyCreated,
    ProvisioningKeyPage,
    ProvisioningKeyView,
)
from iotistic_tenant_api.storage.fleet import PostgresFleet
from iotistic_tenant_api.storage.provisioning import PostgresProvisioningKeys
from iotistic_tenant_api.storage.reports import PostgresReports
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.usecases.keep_devices import DeviceDesk, KeyDesk

__all__ = ["CurrentStates", "PollRequests", "ProvisioningKeys"]


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

    @operation("Revoke a provisioning key", access=MAKE_KEYS, status=204, problems=(404, 422))
    async def on_delete_one(self, req: Request, resp: Response, key_id: str) -> None:
        """Answer 204, also to a repeat."""
        await self._desk.revoke(check_provisioning_key_id(key_id), by=principal_of(req).id)
        resp.status = 204


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
            device = await PostgresFleet(connection, self._clock.now()).view(check_uuid(uuid))
            state = await PostgresReports(connection).current(uuid)
        if device is None:
            raise unknown_device(uuid)
        resp.media = CurrentStateView(
            report=None if state is None else state["report"],
            received_at=None if state is None else state["received_at"],
            online=device["online"],
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
