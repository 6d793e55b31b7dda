"""The fleet: its overview, and devices as they are listed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import check_uuid
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.fleet_schemas import (
    DeviceCounts,
    FleetPage,
    FleetQuery,
    NeedyDevice,
    OverviewView,
    ServiceCounts,
    VersionCount,
)
from iotistic_tenant_api.resources.access import READ_DEVICES, WRITE_DEVICES
from iotistic_tenant_api.resources.callers import caller_of
from iotistic_tenant_api.schemas import DeviceChanges, DeviceView, NewDevice
from iotistic_tenant_api.storage.fleet import Filter, PostgresFleet
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.usecases.keep_devices import DeviceDesk

__all__ = ["DeviceKeys", "Devices", "Overviews", "Readmissions"]

_FIRST_UUID = "00000000-0000-0000-0000-000000000000"
_REASONS = ("failing", "offline", "outdated", "never_seen")


class Overviews:
    """The fleet at a glance."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @operation("Show the fleet at a glance", access=READ_DEVICES, response=OverviewView)
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer counts, devices that need attention, and versions of the agent."""
        async with self._database.connection() as connection:
            found = await PostgresFleet(connection, self._clock.now()).overview()
        devices = {name: found[name] for name in DeviceCounts.model_fields}
        services = {name: int(found[f"services_{name}"]) for name in ServiceCounts.model_fields}
        resp.media = OverviewView(
            devices=DeviceCounts(**devices),
            services=ServiceCounts(**services),
            attention=[_needy(row) for row in found["needy"]],
            versions=[VersionCount(**row) for row in found["versions"]],
        ).wire()


class Devices:
    """Devices by uuid."""

    def __init__(self, database: Database, desk: DeviceDesk, clock: Clock) -> None:
        self._database = database
        self._desk = desk
        self._clock = clock

    @operation("List devices", access=READ_DEVICES, query=FleetQuery, response=FleetPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer devices: by uuid, or as sorted; with sort or offset the answer has `total`."""
        query = read_query(req, FleetQuery)
        wanted = Filter(q=query.q, status=query.status, sort=query.sort)
        counted = query.sort is not None or query.offset is not None
        if counted and query.after:
            raise Refused(422, "invalid", "not together with sort or offset", pointer="/after")
        async with self._database.connection() as connection:
            fleet = PostgresFleet(connection, self._clock.now())
            if counted:
                rows = await fleet.page(wanted, query.limit, offset=query.offset or 0)
                page = FleetPage(items=_views(rows), next=None, total=await fleet.count(wanted))
            else:
                after = check_uuid(query.after) if query.after else _FIRST_UUID
                rows = await fleet.page(wanted, query.limit, after=after)
                following = rows[-1]["uuid"] if len(rows) == query.limit else None
                page = FleetPage(items=_views(rows), next=following)
        resp.media = page.wire()

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
        row = await self._desk.describe(body.model_dump(), by=caller_of(req))
        resp.media = view(row).wire()
        resp.status = 201
        resp.location = f"{req.path}/{body.uuid}"

    @operation("Show a device", access=READ_DEVICES, response=DeviceView, problems=(404, 422))
    async def on_get_one(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer one device."""
        async with self._database.connection() as connection:
            row = await PostgresFleet(connection, self._clock.now()).view(check_uuid(uuid))
        if row is None:
            raise unknown_device(uuid)
        resp.media = view(row).wire()

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
        row = await self._desk.change(check_uuid(uuid), changes, by=caller_of(req))
        resp.media = view(row).wire()

    @operation("Remove a device", access=WRITE_DEVICES, status=204, problems=(404, 422))
    async def on_delete_one(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer 204; its keys are dead from now on."""
        await self._desk.remove(check_uuid(uuid), by=caller_of(req))
        resp.status = 204


class DeviceKeys:
    """What a device signs in with."""

    def __init__(self, desk: DeviceDesk) -> None:
        self._desk = desk

    @operation(
        "Revoke a device's keys and certificates",
        access=WRITE_DEVICES,
        status=204,
        problems=(404, 422),
    )
    async def on_delete(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer 204: the device is known on, but shut out until it is readmitted."""
        await self._desk.revoke_keys(check_uuid(uuid), by=caller_of(req))
        resp.status = 204


class Readmissions:
    """Doors that are opened again."""

    def __init__(self, desk: DeviceDesk) -> None:
        self._desk = desk

    @operation(
        "Let a device in again whose keys were revoked, or that was removed",
        access=WRITE_DEVICES,
        response=DeviceView,
        problems=(402, 404, 409, 422),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the device; it may register until `reregisterUntil`."""
        row = await self._desk.readmit(check_uuid(uuid), by=caller_of(req))
        resp.media = view(row).wire()


def view(row: Mapping[str, Any]) -> DeviceView:
    """Return what people see of a device."""
    shown = {name: row[name] for name in DeviceView.model_fields if name in row}
    return DeviceView(**shown, registered=row["registered_at"] is not None)


def _views(rows: list[dict[str, Any]]) -> list[DeviceView]:
    return [view(row) for row in rows]


def _needy(row: Mapping[str, Any]) -> NeedyDevice:
    reason = _REASONS[row["rank"]]
    detail = None
    if reason == "failing":
        detail = (row["failure"] or {}).get("message") or None
    elif reason == "outdated":
        applied = row["applied_version"]
        detail = f"version {'none' if applied is None else applied} of {row['target_version']}"
    since = None if row["since"] is None else datetime.fromisoformat(row["since"])
    facts = {"uuid": row["uuid"], "name": row["name"], "since": since}
    return NeedyDevice.model_validate({**facts, "reason": reason, "detail": detail})


def _check_not_null(changes: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in changes and changes[name] is None:
            raise Refused(422, "invalid", "may not be null", pointer=f"/{name}")
