"""A device's metrics over time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.domain.metrics import HOURS, charts, columns
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.views import Device
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages

__all__ = ["MetricSeries", "Metrics"]


async def _series(caller: Caller, uuid: UUID, hours: int) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(hours=hours)
    at = since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = await caller.get(f"/api/v1/devices/{uuid}/metrics", **{"from": at})
    series: dict[str, Any] = found["series"]
    return series


def _hours(req: Request) -> int:
    asked = req.get_param("hours", default="")
    return next((hours for hours in HOURS if asked == str(hours)), 6)


class Metrics:
    """``/devices/{uuid}/metrics``: charts, and a table that says the same."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show a device's metrics", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer what can be drawn of the last hours."""
        caller, hours = caller_of(req), _hours(req)
        found, series, _ = await asyncio.gather(
            caller.get(f"/api/v1/devices/{uuid}"), _series(caller, uuid, hours), caller.person()
        )
        facts: dict[str, Any] = {"device": Device.model_validate(found), "charts": charts(series)}
        facts |= {"hours": hours, "spans": HOURS, "tab": "metrics"}
        self._pages.show(req, resp, "device/metrics", **facts)


class MetricSeries:
    """``/devices/{uuid}/metrics/series``: what the charts draw."""

    @page("Fetch a device's metrics", access=PERSON, response_type="application/json")
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer columns of times and values by the metric's name."""
        series = await _series(caller_of(req), uuid, _hours(req))
        resp.media = {name: columns(pairs) for name, pairs in series.items() if pairs}
