"""Order upgrades of the agent, hand orders out, and note how they went."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iotistic_contract.orders import OrderKind, OrderReport, OrderStatus
from iotistic_pki.orders import sign_order
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.events import Event, Severity
from iotistic_tenant_api.domain.orders import (
    Given,
    Standing,
    claims,
    is_overtaken,
    shortened,
    stands,
)
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import TARGET_CHANGED, announce
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.orders import PostgresOrders
from iotistic_tenant_api.usecases.keep_devices import Caller, unknown_device

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_pki.keys import PrivateKey
    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["OrderDesk", "Wish"]

FEATURE = "canOtaUpdates"
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The release that a device is to run; `sha256` is its manifest's."""

    version: str
    sha256: str
    allow_downgrade: bool


class OrderDesk:
    """Orders, each signed by the tenant's current order key."""

    def __init__(
        self, database: Database, licensing: Licensing, key: PrivateKey, clock: Clock
    ) -> None:
        self._database = database
        self._licensing = licensing
        self._key = key
        self._clock = clock

    async def allow(self) -> None:
        """Refuse with 402 or 403 what the license doesn't allow."""
        await self._licensing.require(FEATURE)

    async def upgrade(self, device: str, wish: Wish, *, by: Caller) -> Given:
        """Order an upgrade, in the place of one that is still open; 409 before registration."""
        await self.allow()
        now = self._clock.now()
        async with self._database.transaction() as connection:
            orders = PostgresOrders(connection)
            registration = await self._registration(orders, device)
            for one in await orders.open(device):
                if one.kind == OrderKind.UPGRADE:
                    await orders.change(replace(one, status=OrderStatus.CANCELED, changed_at=now))
            begins, ends = stands(now)
            given = await self._signed(
                orders,
                Given(
                    id=str(uuids.uuid4()),
                    device_uuid=device,
                    registration=registration,
                    kind=OrderKind.UPGRADE,
                    counter=0,
                    version=wish.version,
                    sha256=wish.sha256,
                    allow_downgrade=wish.allow_downgrade,
                    not_before=begins,
                    expires=ends,
                    token="",
                    status=Standing.WAITING,
                    created_at=now,
                    created_by=by.name,
                    changed_at=now,
                ),
            )
            await orders.add(given)
            await _note(connection, "upgrade_ordered", given, by, now)
            await announce(connection, TARGET_CHANGED, [device])
        return given

    async def next(self, key: DeviceKey) -> str | None:
        """Return the token of the oldest order that this registration is to do, None for none.

        What was signed for another registration is void, what wasn't done in time is over. One that
        a later number has overtaken is signed anew.
        """
        device, now = key.device_uuid, self._clock.now()
        async with self._database.connection() as connection:
            if not await PostgresOrders(connection).has_open(device):
                return None
        async with self._database.transaction() as connection:
            orders = PostgresOrders(connection)
            newest = await self._registration(orders, device)
            for one in await orders.open(device):
                over = _over(one, newest, now)
                if over is not None:
                    await orders.change(replace(one, status=over, changed_at=now))
                elif one.registration == key.registration:
                    return (await self._good(orders, one)).token
        return None

    async def told(self, key: DeviceKey, order_id: str, report: OrderReport) -> None:
        """Note what a device says of its order; what is final stays. 404 for another's."""
        device, now = key.device_uuid, self._clock.now()
        async with self._database.transaction() as connection:
            orders = PostgresOrders(connection)
            await orders.registration(device)
            given = await orders.get(device, order_id)
            if given is None:
                raise Refused(404, "not_found", "no such order of this device")
            if report.status is not OrderStatus.REJECTED:
                await orders.take(given)
            if not given.open or given.status == report.status:
                return
            told = replace(
                given,
                status=report.status,
                exit_code=report.exit_code,
                output=shortened(report.output),
                changed_at=now,
            )
            await orders.change(told)
            who = Caller(id=device, name="device")
            await _note(connection, f"{given.kind}_{report.status}", told, who, now)

    async def shown(self, device: str) -> list[Given]:
        """Return a device's newest orders, at most 100."""
        async with self._database.connection() as connection:
            orders = PostgresOrders(connection)
            if not await orders.known(device):
                raise unknown_device(device)
            return await orders.newest(device, MOST_SHOWN)

    async def _good(self, orders: PostgresOrders, given: Given) -> Given:
        taken = await orders.taken(given.device_uuid, given.kind)
        if not is_overtaken(given, taken):
            return given
        renewed = await self._signed(orders, replace(given, changed_at=self._clock.now()))
        await orders.change(renewed)
        return renewed

    async def _signed(self, orders: PostgresOrders, given: Given) -> Given:
        counter = await orders.next_counter(given.device_uuid, given.kind)
        numbered = replace(given, counter=counter)
        return replace(
            numbered, token=sign_order(claims(self._licensing.customer_id, numbered), self._key)
        )

    async def _registration(self, orders: PostgresOrders, device: str) -> str:
        newest = await orders.registration(device)
        if newest is None:
            if not await orders.known(device):
                raise unknown_device(device)
            raise Refused(
                409, "conflict", "this device has never registered: nothing can be signed"
            )
        return newest


def _over(given: Given, newest: str, now: datetime) -> str | None:
    if given.registration != newest:
        return Standing.VOID
    return OrderStatus.TIMED_OUT if now >= given.expires else None


async def _note(connection: Connection, what: str, given: Given, by: Caller, at: datetime) -> None:
    facts = {"order": given.id, "version": given.version}
    if given.output is not None:
        facts["output"] = given.output[:500]
    await PostgresAudit(connection).record(
        what, given.device_uuid, actor=by.id, at=at, detail=facts
    )
    severity: Severity = (
        "error" if given.status in {OrderStatus.FAILED, OrderStatus.REJECTED} else "info"
    )
    event = Event(type=what, uuid=given.device_uuid, actor=by.name, severity=severity, data=facts)
    await PostgresEvents(connection).record([event], at)
