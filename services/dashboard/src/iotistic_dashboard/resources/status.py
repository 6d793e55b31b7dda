"""The page, for everyone who can reach it: it shows what works, and nothing about devices."""

from collections.abc import Awaitable, Callable

from falcon.asgi import Request, Response
from jinja2 import Environment

from iotistic_dashboard.tenant import TenantHealth
from iotistic_kit.auth import PUBLIC
from iotistic_kit.operation import operation

__all__ = ["StatusPage", "Stylesheet"]

_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class StatusPage:
    """``/``: one row for each part of the tenant, 200 when all work, else 503."""

    def __init__(self, health: Callable[[], Awaitable[TenantHealth]], pages: Environment) -> None:
        self._health = health
        self._page = pages.get_template("status.html")

    @operation(
        "Show what of the tenant works",
        access=PUBLIC,
        response={"type": "string"},
        response_type="text/html",
        problems=(503,),
    )
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer the page."""
        health = await self._health()
        resp.status = 200 if health.works else 503
        resp.content_type = "text/html; charset=utf-8"
        resp.text = self._page.render(health=health)
        resp.set_header("Content-Security-Policy", _POLICY)
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Cache-Control", "no-store")


class Stylesheet:
    """``/status.css``."""

    def __init__(self, text: str) -> None:
        self._text = text

    @operation(
        "Style of the page",
        access=PUBLIC,
        response={"type": "string"},
        response_type="text/css",
    )
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer the style sheet."""
        resp.content_type = "text/css; charset=utf-8"
        resp.text = self._text
        resp.set_header("Cache-Control", "max-age=3600")
