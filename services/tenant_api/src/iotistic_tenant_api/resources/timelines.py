"""What devices measured, and what happened to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_contract.ids import check_uuid
from iotistic_kit.bodies import read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.fleet_schemas import (
    EventPage,
    EventQuery,
    EventView,
    MetricsQuery,
    MetricsView,
)
from iotistic_tenant_api.resources.access import READ_STATES
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.metrics import KEPT, PostgresMetrics
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from datetime import datetime

    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = ["DeviceEvents", "DeviceMetrics", "Events"]

MOST_POINTS, MOST_NAMES = 1000, 16
_USUAL = ("cpu_usage", "cpu_temp", "memory_usage", "memory_total", "storage_usage",
          "storage_total", "network_latency", "load_1")  # fmt: skip


class DeviceMetrics:
    """Measured values of the last day."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @operation(
        "Show what a device measured",
        access=READ_STATES,
        query=MetricsQuery,
        response=MetricsView,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer series of at most 1,000 points each."""
        query = read_query(req, MetricsQuery)
        begin, end = _span(query, self._clock.now())
        async with self._database.connection() as connection:
            if not await PostgresDevices(connection).present([check_uuid(uuid)]):
                raise unknown_device(uuid)
            series = await PostgresMetrics(connection).series(
                uuid, _names(query.names), begin, end, MOST_POINTS
            )
        resp.media = MetricsView(series=series).wire()


class DeviceEvents:
    """What happened to one device."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "Show what happened to a device",
        access=READ_STATES,
        query=EventQuery,
        response=EventPage,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer events, newest first."""
        query = read_query(req, EventQuery)
        async with self._database.connection() as connection:
            if not await PostgresDevices(connection).present([check_uuid(uuid)]):
                raise unknown_device(uuid)
        resp.media = (await _events(self._database, uuid, query)).wire()


class Events:
    """What happened to all devices, also to those that were removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("Show what happened", access=READ_STATES, query=EventQuery, response=EventPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer events, newest first."""
        resp.media = (await _events(self._database, None, read_query(req, EventQuery))).wire()


async def _events(database: Database, uuid: str | None, query: EventQuery) -> EventPage:
    async with database.connection() as connection:
        rows = await PostgresEvents(connection).page(uuid, query.before, query.limit)
    items = [EventView.model_validate(row) for row in rows]
    following = str(items[-1].id) if len(items) == query.limit else None
    return EventPage(items=items, next=following)


def _span(query: MetricsQuery, now: datetime) -> tuple[datetime, datetime]:
    end = query.to or now + timedelta(milliseconds=1)
    try:
        begin = query.from_ or end - KEPT
    except OverflowError:
        raise Refused(422, "invalid", "before all times", pointer="/to") from None
    if not timedelta(0) < end - begin <= 2 * KEPT:
        raise Refused(422, "invalid", "at most 48 hours before `to`", pointer="/from")
    return begin, end


def _names(given: str | list[str]) -> list[str]:
    texts = given if isinstance(given, list) else given.split(",")
    names = list(dict.fromkeys(name.strip() for name in texts if name.strip())) or list(_USUAL)
    if len(names) > MOST_NAMES:
        raise Refused(422, "invalid", f"at most {MOST_NAMES} names", pointer="/names")
    return names
