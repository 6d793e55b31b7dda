"""Routes, nothing else."""

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from iotistic_dashboard.resources.status import StatusPage, Stylesheet
from iotistic_dashboard.tenant import TenantHealth
from iotistic_kit.app import ServiceApp
from iotistic_kit.health import Health
from iotistic_kit.openapi import check_routes

__all__ = ["create_app"]


def create_app(
    health: Callable[[], Awaitable[TenantHealth]], middleware: Sequence[object] = ()
) -> ServiceApp:
    """Return the application; ``health`` tells what the tenant API says of itself."""
    app = ServiceApp(middleware=middleware)
    pages = Environment(
        loader=PackageLoader("iotistic_dashboard"), autoescape=True, undefined=StrictUndefined
    )
    style = files("iotistic_dashboard").joinpath("static/status.css").read_text(encoding="utf-8")
    app.add_route("/", StatusPage(health, pages))
    app.add_route("/status.css", Stylesheet(style))
    Health({}).add_to(app)
    check_routes(app)
    return app
