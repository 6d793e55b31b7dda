"""License, audit log and system health."""

import asyncio
from collections.abc import Awaitable, Callable

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.domain.license import limits_of, state_of
from iotistic_dashboard.tenant import TenantHealth
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages

__all__ = ["AuditLog", "License", "SystemHealth"]


class License:
    """``/license``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show the license and how much of it is used", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer state, plan, limits, and usage against them."""
        caller = caller_of(req)
        found, _ = await asyncio.gather(caller.get("/api/license"), caller.person())
        facts = {"license": found, "limits": limits_of(found), "mark": state_of(found["state"])}
        self._pages.show(req, resp, "license", **facts)


class AuditLog:
    """``/audit``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show the audit log", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer what was done, by whom, newest first."""
        caller = caller_of(req)
        wish = {name: req.get_param(name, default="")[:128] for name in ("actor", "action")}
        before = req.get_param("before", default="")[:40]
        found, _ = await asyncio.gather(
            caller.get("/api/v1/audit-log", before=before, limit=50, **wish), caller.person()
        )
        facts = {"rows": found["items"], "next": found.get("next"), "before": before}
        self._pages.show(req, resp, "audit", wish=wish, **facts)


class SystemHealth:
    """``/health``."""

    def __init__(self, pages: Pages, health: Callable[[], Awaitable[TenantHealth]]) -> None:
        self._pages = pages
        self._health = health

    @page("Show what of the system works", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer one row for each part; 200 whatever works."""
        self._pages.show(req, resp, "health", health=await self._health())
