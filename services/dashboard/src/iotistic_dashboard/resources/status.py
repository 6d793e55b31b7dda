"""What works, for everyone who can reach it: nothing about devices."""

from collections.abc import Awaitable, Callable

from falcon.asgi import Request, Response

from iotistic_dashboard.tenant import TenantHealth
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages
from iotistic_kit.auth import PUBLIC

__all__ = ["StatusPage"]


class StatusPage:
    """``/status``: one row for each part of the tenant, 200 when all work, else 503."""

    def __init__(self, health: Callable[[], Awaitable[TenantHealth]], pages: Pages) -> None:
        self._health = health
        self._pages = pages

    @page("Show what of the tenant works", access=PUBLIC, problems=(503,))
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the page."""
        health = await self._health()
        status = 200 if health.works else 503
        self._pages.show(req, resp, "status", status=status, health=health)
