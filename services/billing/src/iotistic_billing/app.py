"""The routes of billing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import PUBLIC
from iotistic_kit.metrics import Metrics
from iotistic_kit.openapi import check_routes, describe
from iotistic_kit.operation import operation

from .resources.accounts import Login, Plans, SignUp
from .resources.customers import (
    CustomerResource,
    CustomersByName,
    CustomersResource,
    PlanOfCustomer,
    TenantsResource,
)
from .resources.deployments import Deploy, DeploymentResource, JobLog, JobResource, JobsResource
from .resources.licenses import Keys, LicenseResource, Revocations, ServiceTokens, Verification
from .resources.pages.assets import Assets
from .resources.pages.frame import Frame
from .resources.pages.sign_up import SignUpPage
from .resources.pages.status import StatusPage
from .resources.pages.verify import VerifyPage
from .security import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from falcon.asgi import Request, Response

    from iotistic_kit.auth import Authenticator
    from iotistic_kit.clock import Clock
    from iotistic_kit.health import Health
    from iotistic_pki.license_keys import KeyStore

    from .metrics import Counts
    from .usecases.accounts import Accounts
    from .usecases.customers import Customers
    from .usecases.jobs import Jobs
    from .usecases.licensing import Licensing
    from .usecases.tenants import Tenants
    from .usecases.verification import Verification as Proofs
    from .usecases.visitors import Visitors

__all__ = ["TITLE", "VERSION", "Parts", "create_app"]

TITLE, VERSION = "Iotistic billing", "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes are made from."""

    credentials: Authenticator
    tenants: Tenants
    jobs: Jobs
    customers: Customers
    accounts: Accounts
    licensing: Licensing
    keys: KeyStore
    clock: Clock
    counts: Counts
    health: Health
    verification: Proofs
    visitors: Visitors
    form_key: bytes
    new_token: Callable[[], str]
    base_domain: str
    public_url: str


def create_app(parts: Parts, middleware: Iterable[object] = ()) -> ServiceApp:
    """Return the application; every route says whom it lets in, or this raises."""
    app = ServiceApp(authenticators=[parts.credentials], middleware=middleware)
    _add_customers(app, parts)
    _add_licenses(app, parts)
    _add_jobs(app, parts)
    _add_pages(app, parts)
    parts.health.add_to(app)
    Metrics([parts.counts.collect], ADMIN).add_to(app)
    app.add_route("/openapi.json", _Description(app))
    check_routes(app)
    return app


def _add_customers(app: ServiceApp, parts: Parts) -> None:
    url = parts.public_url
    app.add_route("/api/plans", Plans())
    app.add_route("/api/customers/signup", SignUp(parts.accounts, parts.tenants, url))
    app.add_route("/api/customers/login", Login(parts.accounts))
    app.add_route("/api/customers", CustomersResource(parts.tenants))
    app.add_route("/api/customers/by-external-id/{external_id}", CustomersByName(parts.customers))
    one = "/api/customers/{customer_id}"
    app.add_route(one, CustomerResource(parts.customers, parts.tenants))
    app.add_route(f"{one}/plan", PlanOfCustomer(parts.customers))
    app.add_route(f"{one}/deploy", Deploy(parts.tenants, url))
    app.add_route(f"{one}/deployment", DeploymentResource(parts.tenants, url))
    app.add_route(f"{one}/service-tokens", ServiceTokens(parts.licensing))


def _add_licenses(app: ServiceApp, parts: Parts) -> None:
    keys, licenses = Keys(parts.keys, parts.clock), LicenseResource(parts.licensing)
    app.add_route("/.well-known/jwks.json", keys, suffix="set")
    app.add_route("/api/licenses/public-key", keys, suffix="license")
    app.add_route("/api/licenses/revocations", Revocations(parts.licensing))
    app.add_route("/api/licenses/verify", Verification(parts.licensing))
    app.add_route("/api/licenses/{customer_id}", licenses)
    app.add_route("/api/licenses/{customer_id}/history", licenses, suffix="history")
    app.add_route("/api/licenses/{customer_id}/revoke", licenses, suffix="revoke")


def _add_jobs(app: ServiceApp, parts: Parts) -> None:
    job = JobResource(parts.jobs)
    app.add_route("/api/admin/jobs", JobsResource(parts.jobs))
    app.add_route("/api/admin/jobs/{job_id}", job)
    app.add_route("/api/admin/jobs/{job_id}/retry", job, suffix="retry")
    app.add_route("/api/admin/jobs/{job_id}/cancel", job, suffix="cancel")
    app.add_route("/api/admin/jobs/{job_id}/log", JobLog(parts.jobs))
    app.add_route("/api/admin/tenants", TenantsResource(parts.tenants, parts.base_domain))


def _add_pages(app: ServiceApp, parts: Parts) -> None:
    assets = Assets()
    frame = Frame(
        public_url=parts.public_url,
        key=parts.form_key,
        new_token=parts.new_token,
        assets=assets.urls,
    )
    app.add_route("/sign-up", SignUpPage(frame, parts.visitors, parts.clock))
    app.add_route("/verify", VerifyPage(frame, parts.visitors))
    app.add_route("/status", StatusPage(frame, parts.visitors))
    app.add_route("/assets/{name}", assets)


class _Description:
    """The API's own description."""

    def __init__(self, app: ServiceApp) -> None:
        self._app = app

    @operation("This description", access=PUBLIC, response={"type": "object"})
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer OpenAPI 3.1."""
        resp.media = describe(self._app, TITLE, VERSION)
