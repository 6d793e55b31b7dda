"""The only place that builds things: one worker of this API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from cryptography import x509

from iotistic_kit import logs
from iotistic_kit.auth import Authenticator, authenticate
from iotistic_kit.clock import Clock, SystemClock
from iotistic_kit.db import Database
from iotistic_kit.errors import StopError
from iotistic_kit.health import Health
from iotistic_kit.lifespan import Lifespan
from iotistic_kit.metrics import Metrics
from iotistic_kit.settings import read_settings
from iotistic_pki.errors import PkiFault
from iotistic_pki.keys import checked_public, read_private, spki_sha256
from iotistic_pki.orders import order_jwk
from iotistic_pki.signer_client import SignerClient
from iotistic_tenant_api.app import FleetResources, OrderResources, Resources, create_app
from iotistic_tenant_api.domain.site import Site
from iotistic_tenant_api.keys import order_key_files
from iotistic_tenant_api.live.checks import Configuration, SchedulerHeartbeat
from iotistic_tenant_api.live.fleet import FleetNews
from iotistic_tenant_api.live.held import Held, Listening
from iotistic_tenant_api.live.last_seen import LastSeen
from iotistic_tenant_api.live.leaving import at_sigterm
from iotistic_tenant_api.live.licensing import Licensing
from iotistic_tenant_api.live.measures import Measures
from iotistic_tenant_api.live.news import News
from iotistic_tenant_api.resources import (
    device_lanes,
    device_side,
    drafts,
    fleet,
    installs,
    orders,
    people_side,
    platform,
    provisioning,
    service_actions,
    streams,
    target_states,
    timelines,
)
from iotistic_tenant_api.resources.access import READ
from iotistic_tenant_api.resources.device_headers import DeviceHeaders
from iotistic_tenant_api.resources.forwarding import Forwarding
from iotistic_tenant_api.runtime_people import build_people
from iotistic_tenant_api.security.billing import Seeds
from iotistic_tenant_api.security.certificates import DeviceCertificates
from iotistic_tenant_api.security.data_key import SecretStore, read_data_key
from iotistic_tenant_api.security.devices import DeviceAuthenticator, DeviceKeys
from iotistic_tenant_api.security.people import LiveSessions, PersonAuthenticator
from iotistic_tenant_api.security.provisioning import ProvisioningKeyFolder
from iotistic_tenant_api.security.services import ServiceAuthenticator
from iotistic_tenant_api.settings import TenantSettings
from iotistic_tenant_api.usecases.act_on_services import ActOnService
from iotistic_tenant_api.usecases.draft_targets import DraftDesk
from iotistic_tenant_api.usecases.keep_devices import DeviceDesk, KeyDesk, StringForm
from iotistic_tenant_api.usecases.orders import OrderDesk
from iotistic_tenant_api.usecases.read_state import ReadState
from iotistic_tenant_api.usecases.register_device import RegisterDevice
from iotistic_tenant_api.usecases.signed_calls import ReleaseDevice, RenewCertificate, RotateKey
from iotistic_tenant_api.usecases.take_lines import TakeLines
from iotistic_tenant_api.usecases.take_report import TakeReport
from iotistic_tenant_api.usecases.write_targets import OverrideServices, WriteTargets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from iotistic_kit.app import ServiceApp

__all__ = ["Worker", "anchors", "app", "check_files", "seeds_of", "site_of"]

FLUSH_SECONDS = 5.0
_log = structlog.get_logger("iotistic_tenant_api")


def app() -> ServiceApp:
    """Return the application as the environment describes it; granian calls this."""
    settings = read_settings(TenantSettings)
    logs.configure("tenant-api", settings.log_level)
    worker = Worker(settings, SystemClock())
    return worker.app({"leave": lambda: at_sigterm(worker.news.fleet.close)})


class Worker:
    """Everything that one worker process holds."""

    def __init__(self, settings: TenantSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self._site = site_of(settings)
        self.database = Database(settings.conninfo, name="tenant-api")
        self.listening = Listening()
        self.news = News(
            listening=self.listening,
            keys=Held(clock, self.listening),
            etags=Held(clock, self.listening),
            license=Held(clock, self.listening),
            sessions=Held(clock, self.listening),
            fleet=FleetNews(),
        )
        self.last_seen = LastSeen(clock, self.database)
        self.licensing = Licensing(
            self.database, self.news.license, clock, seeds_of(settings), settings
        )
        self.device_keys = DeviceKeys(self.database, self.news.keys, clock)
        self.live_sessions = LiveSessions(self.database, self.news.sessions, clock)
        self.authenticators: list[Authenticator] = [
            DeviceAuthenticator(self.device_keys, self.last_seen),
            PersonAuthenticator(self.live_sessions),
            ServiceAuthenticator(self.licensing, clock),
        ]
        self.listener = self.news.listener(self.database.conninfo)

    def app(self, more: Mapping[str, Callable[[], Awaitable[None]]] | None = None) -> ServiceApp:
        """Return the application with its background loops, and `more` of them."""
        loops = {"listener": self.listener.run, "last_seen": self._flush_forever}
        lifespan = Lifespan([self.database], {**loops, **(more or {})})
        return create_app(
            self._resources(),
            authenticators=self.authenticators,
            middleware=[DeviceHeaders(self._site), lifespan],
        )

    def _resources(self) -> Resources:
        settings, database, clock = self.settings, self.database, self.clock
        site, pins = self._site, anchors(settings)
        certificates = DeviceCertificates(SignerClient(settings.signer_socket))
        secrets = SecretStore(read_data_key(settings.data_key_file))
        keys = ProvisioningKeyFolder(settings.provisioning_keys_dir)
        register = RegisterDevice(
            database=database,
            keys=keys,
            certificates=certificates,
            licensing=self.licensing,
            site=site,
            clock=clock,
        )
        desk = DeviceDesk(database, self.licensing, clock)
        form = _string_form(settings.public_url, next(iter(pins)))
        write = WriteTargets(database, secrets, self.licensing, clock)
        poll_interval = settings.minimum_poll_interval_ms
        release = installs.Release(settings.install_dir)
        forwarding = Forwarding(settings.shared_proxy_secret)
        return Resources(
            key_exchanges=provisioning.KeyExchanges(keys, database, clock),
            registrations=provisioning.Registrations(register, forwarding),
            provisioning_keys=people_side.ProvisioningKeys(
                database, KeyDesk(database, self.licensing, form, clock)
            ),
            device_states=device_side.DeviceStates(
                ReadState(database, self.news.etags, secrets), poll_interval
            ),
            device_reports=device_side.DeviceReports(TakeReport(database, clock)),
            device_key_rotations=device_side.DeviceKeyRotations(RotateKey(database, clock)),
            device_certificate_renewals=device_side.DeviceCertificateRenewals(
                RenewCertificate(database, certificates, clock)
            ),
            device_credentials=device_side.DeviceCredentials(site),
            device_releases=device_side.DeviceReleases(
                ReleaseDevice(database, clock), self.device_keys
            ),
            device_lanes=device_lanes.DeviceLanes(TakeLines(database, clock)),
            orders=self._orders(release),
            fleet=self._fleet(desk, secrets),
            current_states=people_side.CurrentStates(database, clock),
            poll_requests=people_side.PollRequests(desk),
            target_states=target_states.TargetStates(database, write),
            bulk_target_states=target_states.BulkTargetStates(write),
            target_queries=target_states.TargetQueries(database, secrets),
            overrides=target_states.Overrides(OverrideServices(database, self.licensing, clock)),
            licenses=platform.Licenses(self.licensing, database, clock),
            license_checks=platform.LicenseChecks(self.licensing, clock),
            anchors=platform.Anchors(pins),
            revocations=platform.Revocations(settings.crl_file),
            people=build_people(settings, database, self.licensing, clock),
            install_files=installs.InstallFiles(release, forwarding),
            install_commands=installs.InstallCommands(release, settings.public_url),
            health=Health(self._checks()),
            metrics=Metrics([Measures(database, self.licensing, clock).read], READ),
        )

    def _orders(self, release: installs.Release) -> OrderResources:
        key = read_private(self.settings.order_key_file)
        desk = OrderDesk(self.database, self.licensing, key, self.clock)
        return OrderResources(
            upgrades=orders.Upgrades(desk, release),
            device_orders=orders.DeviceOrders(desk),
            next_orders=orders.NextOrders(desk),
            order_reports=orders.OrderReports(desk),
        )

    def _fleet(self, desk: DeviceDesk, secrets: SecretStore) -> FleetResources:
        database, clock = self.database, self.clock
        draft_desk = DraftDesk(database, secrets, self.licensing, clock)
        act = ActOnService(database, self.licensing, clock)
        return FleetResources(
            overviews=fleet.Overviews(database, clock),
            devices=fleet.Devices(database, desk, clock),
            device_keys=fleet.DeviceKeys(desk),
            readmissions=fleet.Readmissions(desk),
            drafts=drafts.Drafts(draft_desk),
            deploys=drafts.Deploys(draft_desk),
            histories=drafts.Histories(database),
            rollbacks=drafts.Rollbacks(draft_desk),
            service_actions=service_actions.ServiceActions(act),
            device_metrics=timelines.DeviceMetrics(database, clock),
            device_logs=device_lanes.DeviceLogs(database),
            device_events=timelines.DeviceEvents(database),
            events=timelines.Events(database),
            streams=streams.Streams(
                self.news.fleet, database, clock, authenticate(tuple(self.authenticators))
            ),
        )

    def _checks(self) -> Mapping[str, Any]:
        checks = {
            "database": self.database.check,
            "listener": self.news.check,
            "scheduler": SchedulerHeartbeat(self.database, self.clock).check,
        }
        if self.settings.deployment_manifest is not None:
            checks["configuration"] = Configuration(self.settings.deployment_manifest).check
        return checks

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.last_seen.flush()
            except Exception as error:  # noqa: BLE001 - the loop's guard
                _log.warning("last_seen_not_stored", error=type(error).__name__)


def check_files(settings: TenantSettings) -> None:
    """Raise StopError, in one line, when a key or certificate that a worker needs can't be used."""
    try:
        seeds_of(settings).keys  # noqa: B018 - read to be checked
    except PkiFault as fault:
        names = "LICENSE_PUBLIC_KEY_FILE and SERVICE_PUBLIC_KEY_FILE"
        raise StopError(f"{names}: {fault.detail}") from None
    try:
        site_of(settings)
        read_data_key(settings.data_key_file)
        if not (settings.provisioning_keys_dir / "current.pem").exists():
            raise StopError(f"no provisioning key in {settings.provisioning_keys_dir}: migrate")
    except PkiFault as fault:
        raise StopError(fault.detail) from None


def seeds_of(settings: TenantSettings) -> Seeds:
    """Return billing's public keys and the first license; StopError without a key to trust."""
    seeds = Seeds.of(settings)
    if seeds is None:
        raise StopError("set LICENSE_PUBLIC_KEY_FILE to billing's public license key")
    return seeds


def anchors(settings: TenantSettings) -> dict[str, str]:
    """Return the tenant's CA certificates by pin, newest first; StopError without them."""
    found = {}
    for path in (settings.tenant_ca_file, *settings.former_ca_files):
        try:
            text = path.read_bytes()
            certificate = x509.load_pem_x509_certificate(text)
        except (OSError, ValueError):
            raise StopError(f"no readable CA certificate in {path}") from None
        pin = spki_sha256(checked_public(certificate.public_key()))
        found[pin] = text.decode("ascii")
    return found


def site_of(settings: TenantSettings) -> Site:
    """Return where this tenant answers."""
    return Site(
        customer_id=settings.customer_id,
        public_url=settings.public_url,
        mqtt_host=settings.mqtt_host,
        mqtt_port=settings.mqtt_port,
        ca_certificates=tuple(anchors(settings).values()),
        order_public_keys=tuple(
            order_jwk(read_private(path)) for path in order_key_files(settings.order_key_file)
        ),
    )


def _string_form(public_url: str, pin: str) -> StringForm:
    parts = urlsplit(public_url)
    default = 443 if parts.scheme == "https" else 80
    return StringForm(host=parts.hostname or "", port=parts.port or default, pin=pin)
