"""Routes, nothing else."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iotistic_dashboard.resources.status import StatusPage
from iotistic_dashboard.tenant import TenantHealth
from iotistic_dashboard.web.assets import Assets, StaticFiles
from iotistic_dashboard.web.faults import Faults
from iotistic_dashboard.web.forms import FormGuard
from iotistic_dashboard.web.headers import SecurityHeaders
from iotistic_dashboard.web.pages import Pages
from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import Authenticator
from iotistic_kit.health import Health
from iotistic_kit.openapi import check_routes

__all__ = ["Site", "create_app"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every route shares."""

    pages: Pages
    assets: Assets
    guard: FormGuard
    authenticator: Authenticator
    health: Callable[[], Awaitable[TenantHealth]]


def create_app(
    site: Site, resources: Mapping[str, Any], middleware: Sequence[object] = ()
) -> ServiceApp:
    """Return the application; ``resources`` are the pages by their paths.

    A path that ends in ``#name`` takes the responders of that suffix.
    """
    app = ServiceApp(
        authenticators=[site.authenticator],
        middleware=[SecurityHeaders(), site.guard, *middleware],
    )
    Faults(site.pages).install(app)
    for path, resource in resources.items():
        template, _, suffix = path.partition("#")
        app.add_route(template, resource, **({"suffix": suffix} if suffix else {}))
    app.add_route("/status", StatusPage(site.health, site.pages))
    app.add_route("/static/{name}", StaticFiles(site.assets))
    Health({}).add_to(app)
    check_routes(app)
    return app
