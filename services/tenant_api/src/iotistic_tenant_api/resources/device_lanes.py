"""Lanes of a device: NDJSON of metrics, logs, events and readings, and the log for people."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import check_uuid
from iotistic_contract.lanes import (
    LINE_TYPES,
    MAX_LINES,
    NDJSON,
    EventLine,
    Lane,
    LogLine,
    MetricsLine,
    ReadingLine,
    read_lines,
)
from iotistic_kit.bodies import read_query
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation
from iotistic_tenant_api.lane_schemas import LogPage, LogQuery, LogView
from iotistic_tenant_api.resources.access import DEVICE, READ_STATES
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.lanes import PostgresLogs
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcon.asgi import Response

    from iotistic_kit.bodies import ServiceRequest as Request
    from iotistic_kit.db import Database
    from iotistic_tenant_api.usecases.take_lines import TakeLines

__all__ = ["DeviceLanes", "DeviceLogs"]

_LARGE = 64 * 1024


class DeviceLanes:
    """Batches of lines: 204 means that each of them is stored, by now or before."""

    def __init__(self, take: TakeLines) -> None:
        self._take = take

    @operation("Send metrics", access=DEVICE, request=MetricsLine, request_type=NDJSON, status=204)
    async def on_post_metrics(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Store what was measured while no report told it."""
        await self._taken(req, resp, Lane.METRICS)

    @operation("Send log lines", access=DEVICE, request=LogLine, request_type=NDJSON, status=204)
    async def on_post_logs(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Store lines of services and of the agent."""
        await self._taken(req, resp, Lane.LOGS)

    @operation("Send events", access=DEVICE, request=EventLine, request_type=NDJSON, status=204)
    async def on_post_events(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Add what happened to the device's timeline."""
        await self._taken(req, resp, Lane.EVENTS)

    @operation("Send readings", access=DEVICE, request=ReadingLine, request_type=NDJSON, status=204)
    async def on_post_readings(self, req: Request, resp: Response, uuid: str) -> None:  # noqa: ARG002 - guarded
        """Store values of sensors."""
        await self._taken(req, resp, Lane.READINGS)

    async def _taken(self, req: Request, resp: Response, lane: Lane) -> None:
        if (req.content_type or "").partition(";")[0].strip().lower() != NDJSON:
            raise Problem(415, "encoding", f"the body must be {NDJSON}")
        content = await req.plain_body()
        if content.count(b"\n") > MAX_LINES:
            raise Problem(413, "too_large", f"more than {MAX_LINES} lines", limit=MAX_LINES)
        await self._take(req.context.device_key, lane, await _read(lane, content))
        resp.status = 204


class DeviceLogs:
    """What a device's services and its agent wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "Show a device's log lines",
        access=READ_STATES,
        query=LogQuery,
        response=LogPage,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer lines, newest first."""
        query = read_query(req, LogQuery)
        async with self._database.connection() as connection:
            if not await PostgresDevices(connection).present([check_uuid(uuid)]):
                raise unknown_device(uuid)
            rows = await PostgresLogs(connection).page(uuid, **dict(query))
        items = [LogView.model_validate(row) for row in rows]
        following = str(items[-1].id) if len(items) == query.limit else None
        resp.media = LogPage(items=items, next=following).wire()


async def _read(lane: Lane, content: bytes) -> Sequence[Any]:
    """Return the lines; other requests go on while a large body is read."""
    kind = LINE_TYPES[lane]
    if len(content) <= _LARGE:
        return read_lines(kind, content)
    return await asyncio.to_thread(read_lines, kind, content)
