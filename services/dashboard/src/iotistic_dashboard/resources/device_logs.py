"""What a device's services and its agent wrote."""

import asyncio
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.resources.device import look
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages

__all__ = ["DeviceLogs"]

LEVELS = ("debug", "info", "warning", "error")
LINES = 100


class DeviceLogs:
    """``/devices/{uuid}/logs``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show a device's log lines", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer lines, newest first, of one service or of all."""
        caller, wish = caller_of(req), _wish(req)
        looked, found = await asyncio.gather(
            look(caller, str(uuid)),
            caller.get(f"/api/v1/devices/{uuid}/logs", limit=LINES, **wish),
        )
        names = {one.service_id: one.name for one in looked.services}
        lines = [(one, names.get(one.get("service"), _source(one))) for one in found["items"]]
        facts = looked.facts() | {"lines": lines, "wish": wish, "levels": LEVELS, "tab": "logs"}
        facts |= {"here": _address(wish), "older": _older(wish, found.get("next"))}
        self._pages.show(req, resp, "device/logs", **facts)


def _wish(req: Request) -> dict[str, str]:
    """Return what is asked for, of what the API takes; empty words for what isn't."""
    asked = {name: req.get_param(name, default="")[:64] for name in ("service", "level", "before")}
    if asked["level"] not in LEVELS:
        asked["level"] = ""
    if not asked["before"].isdecimal():
        asked["before"] = ""
    return asked


def _source(line: dict[str, Any]) -> str:
    return str(line.get("service") or line.get("component") or "")


def _older(wish: dict[str, str], following: object) -> str:
    return _address(wish | {"before": str(following)}) if following else ""


def _address(wish: dict[str, str]) -> str:
    return f"?{urlencode({name: word for name, word in wish.items() if word})}"
