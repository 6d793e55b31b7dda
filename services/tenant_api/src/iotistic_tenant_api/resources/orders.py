"""Orders: given by people, fetched and reported by devices."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from iotistic_contract.agent_release import MANIFEST
from iotistic_contract.codec import decode
from iotistic_contract.ids import check_uuid
from iotistic_contract.orders import NextOrder, OrderReport
from iotistic_kit.bodies import read_body
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.order_schemas import OrderPage, OrderView, UpgradeWish
from iotistic_tenant_api.resources.access import DEVICE, READ_STATES, UPGRADE
from iotistic_tenant_api.resources.callers import caller_of
from iotistic_tenant_api.usecases.orders import Wish

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_tenant_api.domain.orders import Given
    from iotistic_tenant_api.resources.installs import Release
    from iotistic_tenant_api.usecases.orders import OrderDesk

__all__ = ["DeviceOrders", "NextOrders", "OrderReports", "Upgrades"]


class Upgrades:
    """Upgrades of the agent."""

    def __init__(self, desk: OrderDesk, release: Release) -> None:
        self._desk = desk
        self._release = release

    @operation(
        "Order an upgrade of a device's agent",
        access=UPGRADE,
        request=UpgradeWish,
        response=OrderView,
        status=201,
        problems=(402, 403, 404, 409),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:
        """Sign it for the release that this API serves; it takes the place of an open one."""
        wish = await read_body(req, UpgradeWish)
        await self._desk.allow()
        folder, manifest = await self._release.now()
        content = await asyncio.to_thread((folder / MANIFEST).read_bytes)
        if wish.version != manifest.version:
            detail = f"the release here is {manifest.version}"
            raise Refused(409, "conflict", detail, pointer="/version")
        given = await self._desk.upgrade(
            check_uuid(uuid),
            Wish(
                version=wish.version,
                sha256=hashlib.sha256(content).hexdigest(),
                allow_downgrade=wish.allow_downgrade,
            ),
            by=caller_of(req),
        )
        resp.status = 201
        resp.media = _view(given).wire()


class DeviceOrders:
    """A device's orders, as people see them."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk

    @operation("List a device's orders", access=READ_STATES, response=OrderPage)
    async def on_get(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer the newest, at most 100."""
        orders = await self._desk.shown(check_uuid(uuid))
        resp.media = OrderPage(items=[_view(one) for one in orders]).wire()


class NextOrders:
    """What waits for a device."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk

    @operation("Fetch the next order", access=DEVICE, response=NextOrder, problems=(204,))
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Answer the oldest order that isn't done, 204 when there is none."""
        token = await self._desk.next(req.context.device_key)
        if token is None:
            resp.status = 204
            return
        resp.media = {"order": token, "job": None}


class OrderReports:
    """What devices say of their orders."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk

    @operation(
        "Report how an order went",
        access=DEVICE,
        request=OrderReport,
        status=204,
        problems=(404,),
    )
    async def on_patch(self, req: Request, resp: Response, uuid: str, order_id: str) -> None:  # noqa: ARG002 - guarded
        """Answer 204, also to a repeat; a final status stays."""
        report = decode(OrderReport, await req.get_media(), unknown="keep")
        await self._desk.told(req.context.device_key, order_id, report)
        resp.status = 204


def _view(given: Given) -> OrderView:
    return OrderView(
        id=given.id,
        kind=given.kind,
        version=given.version,
        sha256=given.sha256,
        allow_downgrade=given.allow_downgrade,
        counter=given.counter,
        not_before=given.not_before,
        expires=given.expires,
        status=given.status,
        exit_code=given.exit_code,
        output=given.output,
        created_at=given.created_at,
        created_by=given.created_by,
        changed_at=given.changed_at,
    )
