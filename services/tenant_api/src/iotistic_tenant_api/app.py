"""The routes of this API, and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from falcon.asgi import Request, Response

from iotistic_contract.lanes import Lane
from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import Access, Authenticator
from iotistic_kit.errors import Problem
from iotistic_kit.health import Health
from iotistic_kit.metrics import Metrics
from iotistic_kit.openapi import check_routes
from iotistic_kit.problems import answer
from iotistic_pki.errors import (
    KeyRefused,
    PkiFault,
    ProvisioningRefused,
    RequestRefused,
    SignerRefused,
    SignerUnavailable,
)
from iotistic_tenant_api.people import People
from iotistic_tenant_api.resources.access import DEVICE, READ_STATES
from iotistic_tenant_api.resources.device_lanes import DeviceLanes, DeviceLogs
from iotistic_tenant_api.resources.device_side import (
    DeviceCertificateRenewals,
    DeviceCredentials,
    DeviceKeyRotations,
    DeviceReleases,
    DeviceReports,
    DeviceStates,
)
from iotistic_tenant_api.resources.drafts import Deploys, Drafts, Histories, Rollbacks
from iotistic_tenant_api.resources.fleet import DeviceKeys, Devices, Overviews, Readmissions
from iotistic_tenant_api.resources.installs import InstallCommands, InstallFiles
from iotistic_tenant_api.resources.orders import DeviceOrders, NextOrders, OrderReports, Upgrades
from iotistic_tenant_api.resources.people_side import (
    CurrentStates,
    PollRequests,
    ProvisioningKeys,
)
from iotistic_tenant_api.resources.platform import (
    Anchors,
    Description,
    LicenseChecks,
    Licenses,
    Revocations,
)
from iotistic_tenant_api.resources.provisioning import KeyExchanges, Registrations
from iotistic_tenant_api.resources.service_actions import ServiceActions
from iotistic_tenant_api.resources.streams import Streams
from iotistic_tenant_api.resources.target_states import (
    BulkTargetStates,
    Overrides,
    TargetQueries,
    TargetStates,
)
from iotistic_tenant_api.resources.timelines import DeviceEvents, DeviceMetrics, Events
from iotistic_tenant_api.usecases.act_on_services import Action

__all__ = ["TITLE", "VERSION", "FleetResources", "OrderResources", "Resources", "create_app"]

TITLE, VERSION = "Iotistic tenant API", "0.1.0"
_log = structlog.get_logger("iotistic_tenant_api.app")
_DEVICE = "/api/v1/device/{uuid}"
_DEVICES = "/api/v1/devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResources:
    """What answers about devices at depth."""

    overviews: Overviews
    devices: Devices
    device_keys: DeviceKeys
    readmissions: Readmissions
    drafts: Drafts
    deploys: Deploys
    histories: Histories
    rollbacks: Rollbacks
    service_actions: ServiceActions
    device_metrics: DeviceMetrics
    device_logs: DeviceLogs
    device_events: DeviceEvents
    events: Events
    streams: Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResources:
    """What answers about orders to devices."""

    upgrades: Upgrades
    device_orders: DeviceOrders
    next_orders: NextOrders
    order_reports: OrderReports

    def add_to(self, app: ServiceApp) -> None:
        """Add their routes."""
        app.add_route(f"{_DEVICE}/jobs/next", self.next_orders)
        app.add_route(f"{_DEVICE}/jobs/{{order_id}}", self.order_reports)
        app.add_route(f"{_DEVICES}/{{uuid}}/upgrade", self.upgrades)
        app.add_route(f"{_DEVICES}/{{uuid}}/orders", self.device_orders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Everything that answers."""

    key_exchanges: KeyExchanges
    registrations: Registrations
    provisioning_keys: ProvisioningKeys
    device_states: DeviceStates
    device_reports: DeviceReports
    device_key_rotations: DeviceKeyRotations
    device_certificate_renewals: DeviceCertificateRenewals
    device_credentials: DeviceCredentials
    device_releases: DeviceReleases
    device_lanes: DeviceLanes
    orders: OrderResources
    fleet: FleetResources
    current_states: CurrentStates
    poll_requests: PollRequests
    target_states: TargetStates
    bulk_target_states: BulkTargetStates
    target_queries: TargetQueries
    overrides: Overrides
    licenses: Licenses
    license_checks: LicenseChecks
    anchors: Anchors
    revocations: Revocations
    people: People
    install_files: InstallFiles
    install_commands: InstallCommands
    health: Health
    metrics: Metrics


def create_app(
    resources: Resources,
    *,
    authenticators: Sequence[Authenticator],
    middleware: Iterable[object] = (),
) -> ServiceApp:
    """Return the application; it raises when a route isn't documented and guarded."""
    app = ServiceApp(authenticators=authenticators, middleware=middleware)
    _add_device_side(app, resources)
    _add_people_side(app, resources)
    resources.people.add_to(app)
    _add_fleet(app, resources.fleet)
    resources.orders.add_to(app)
    app.add_route("/api/license", resources.licenses)
    app.add_route("/api/license/verify", resources.license_checks)
    app.add_route("/ca.pem", resources.anchors)
    app.add_route("/crl.pem", resources.revocations)
    app.add_route("/install/{file}", resources.install_files)
    app.add_route("/api/v1/install-command", resources.install_commands)
    app.add_route("/openapi.json", Description(app, TITLE, VERSION))
    resources.health.add_to(app)
    resources.metrics.add_to(app)
    _add_unknown_routes(app)
    app.add_error_handler(PkiFault, _refused)
    check_routes(app)
    return app


def _add_device_side(app: ServiceApp, resources: Resources) -> None:
    app.add_route("/api/provisioning/v2/key-exchange", resources.key_exchanges)
    app.add_route("/api/provisioning/v2/register", resources.registrations)
    app.add_route("/api/v1/device/state", resources.device_reports)
    app.add_route(f"{_DEVICE}/state", resources.device_states)
    app.add_route(f"{_DEVICE}/rotate-key", resources.device_key_rotations)
    app.add_route(f"{_DEVICE}/certificates", resources.device_certificate_renewals)
    app.add_route(f"{_DEVICE}/credentials", resources.device_credentials)
    app.add_route(f"{_DEVICE}/release", resources.device_releases)
    for lane in Lane:
        app.add_route(f"{_DEVICE}/{lane}", resources.device_lanes, suffix=str(lane))


def _add_people_side(app: ServiceApp, resources: Resources) -> None:
    app.add_route("/api/provisioning-keys", resources.provisioning_keys)
    app.add_route("/api/provisioning-keys/{key_id}", resources.provisioning_keys, suffix="one")
    app.add_route(f"{_DEVICES}/{{uuid}}/target-state", resources.target_states)
    app.add_route(f"{_DEVICES}/{{uuid}}/overrides", resources.overrides)
    app.add_route(f"{_DEVICES}/{{uuid}}/current-state", resources.current_states)
    app.add_route(f"{_DEVICES}/{{uuid}}/poll-now", resources.poll_requests)
    app.add_route("/api/v1/target-states", resources.bulk_target_states)
    app.add_route("/api/v1/target-states/query", resources.target_queries)


def _add_fleet(app: ServiceApp, fleet: FleetResources) -> None:
    one = f"{_DEVICES}/{{uuid}}"
    app.add_route("/api/v1/overview", fleet.overviews)
    app.add_route("/api/v1/events", fleet.events)
    app.add_route("/api/v1/stream", fleet.streams)
    app.add_route(_DEVICES, fleet.devices)
    app.add_route(one, fleet.devices, suffix="one")
    app.add_route(f"{one}/keys", fleet.device_keys)
    app.add_route(f"{one}/readmit", fleet.readmissions)
    app.add_route(f"{one}/target-state/draft", fleet.drafts)
    app.add_route(f"{one}/target-state/history", fleet.histories)
    app.add_route(f"{one}/deploy", fleet.deploys)
    app.add_route(f"{one}/rollback", fleet.rollbacks)
    app.add_route(f"{one}/metrics", fleet.device_metrics)
    app.add_route(f"{one}/events", fleet.device_events)
    app.add_route(f"{one}/logs", fleet.device_logs)
    service = f"{one}/apps/{{app_id}}/services/{{service_id}}"
    for action in Action:
        suffix = action.replace("-", "_")
        app.add_route(f"{service}/{action}", fleet.service_actions, suffix=suffix)


def _add_unknown_routes(app: ServiceApp) -> None:
    """Below a uuid, what isn't there is said to those only who may be there."""

    def unknown(access: Access) -> Any:  # Falcon types sinks by their keyword arguments
        async def sink(req: Request, _resp: Response, uuid: str) -> None:
            await app.admit(req, access, {"uuid": uuid})
            raise Problem(404, "not_found", "no such route")

        return sink

    app.add_sink(unknown(DEVICE), r"/api/v1/device/(?P<uuid>[^/]+)/")
    app.add_sink(unknown(READ_STATES), r"/api/v1/devices/(?P<uuid>[^/]+)/")


async def _refused(req: Request, resp: Response, fault: PkiFault, _params: object) -> None:
    match fault:
        case ProvisioningRefused():
            problem = Problem(fault.status, fault.reason, fault.detail)
        case KeyRefused() | RequestRefused():
            code = "key_type" if fault.reason == "key_type" else "invalid"
            problem = Problem(422, code, fault.detail)
        case SignerUnavailable() | SignerRefused():
            detail = "certificates can't be issued now; try again"
            problem = Problem(503, "unavailable", detail, headers={"Retry-After": "5"})
        case _:
            problem = Problem(500, "internal", "an unexpected fault; it is in the log")
    _log.warning("request_refused_by_pki", reason=fault.reason, status=problem.status)
    answer(req, resp, problem)
