"""Builds the scheduler, and has one of several be at work."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import psycopg
import structlog

from iotistic_kit.clock import Clock, SystemClock
from iotistic_kit.db import Database, Listener
from iotistic_kit.errors import StopError
from iotistic_pki.errors import PkiFault
from iotistic_pki.signer_client import SignerClient
from iotistic_tenant_api.domain.retention import retention
from iotistic_tenant_api.keys import roll_over
from iotistic_tenant_api.scheduling.broker import Broker
from iotistic_tenant_api.scheduling.license import RenewLicense
from iotistic_tenant_api.scheduling.presence import NoticePresence
from iotistic_tenant_api.scheduling.tasks import (
    Announcements,
    EndOverrides,
    Heartbeat,
    OrderMessages,
    RevokeCertificates,
)
from iotistic_tenant_api.security.billing import Seeds, read_installed
from iotistic_tenant_api.security.certificates import DeviceCertificates
from iotistic_tenant_api.storage.connection import DEVICE_CHANGED, TARGET_CHANGED
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.housekeeping import forget
from iotistic_tenant_api.storage.lanes import PostgresLogs, PostgresReadings
from iotistic_tenant_api.storage.metrics import PostgresMetrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["Scheduler", "housekeeping", "schedule"]

HOUSEKEEPING_SECONDS = 6 * 3600
METRICS_SECONDS = 600
LOCK = 0x746E7463  # "tntc"
_log = structlog.get_logger("iotistic_tenant_api.scheduler")


async def schedule(settings: TenantSettings) -> None:
    """Be the scheduler, or stand by, until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    scheduler = Scheduler(settings, SystemClock())
    async with scheduler.database:
        work = asyncio.create_task(scheduler.run())
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def housekeeping(settings: TenantSettings, clock: Clock) -> int:
    """Return how many rows were removed."""
    async with Database(settings.conninfo, name="tenant-housekeeping") as database:
        return await _keep_house(settings, database, clock)


class Scheduler:
    """The tasks with what wakes them."""

    def __init__(self, settings: TenantSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.database = Database(settings.conninfo, name="tenant-scheduler", largest=5)
        self._broker = _broker(settings)
        certificates = DeviceCertificates(SignerClient(settings.signer_socket))
        self._announce = Announcements(self.database, self._broker, clock)
        self._send_orders = OrderMessages(self.database, self._broker, clock)
        self._end_overrides = EndOverrides(self.database, clock)
        self._revoke = RevokeCertificates(
            self.database, certificates, self._broker, settings.mqtt_pid_file, clock
        )
        self._heartbeat = Heartbeat(self.database, clock)
        self._notice_presence = NoticePresence(self.database, clock)
        seeds = Seeds.of(settings)
        self._renew = None if seeds is None else RenewLicense(self.database, seeds, settings, clock)
        self._targets, self._overrides, self._devices = (asyncio.Event() for _ in range(3))

    async def run(self) -> None:
        """Wait for the lock, work while its connection lives, begin again."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self.database.conninfo, autocommit=True
                ) as connection:
                    await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
                    _log.info("scheduler_at_work")
                    await self._work(connection)
            except psycopg.OperationalError as error:
                _log.warning("scheduler_stands_by", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _work(self, lock: psycopg.AsyncConnection[object]) -> None:
        listener = Listener(
            self.database.conninfo,
            (TARGET_CHANGED, DEVICE_CHANGED),
            self._heard,
            on_ready=self._wake_all,
        )
        self._broker.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(listener.run())
                group.create_task(_hold(lock))
                group.create_task(_forever("heartbeat", self._heartbeat_round))
                group.create_task(_forever("announce", self._announce_round))
                group.create_task(_forever("end_overrides", self._override_round))
                group.create_task(_forever("revoke", self._revoke_round))
                group.create_task(_forever("renew_license", self._license_round))
                group.create_task(_forever("housekeeping", self._housekeeping_round))
                group.create_task(_forever("presence", self._presence_round))
                group.create_task(_forever("metrics", self._metrics_round))
        except* psycopg.OperationalError:
            _log.warning("scheduler_lost_its_lock")
        finally:
            self._broker.stop()

    async def _heard(self, channel: str, _payload: str) -> None:
        if channel == DEVICE_CHANGED:
            self._devices.set()
        else:
            self._targets.set()
            self._overrides.set()

    async def _wake_all(self) -> None:
        for event in (self._targets, self._overrides, self._devices):
            event.set()

    async def _heartbeat_round(self) -> None:
        await self._heartbeat()
        await asyncio.sleep(5)

    async def _announce_round(self) -> None:
        told = await self._announce() and await self._send_orders()
        await _woken(self._targets, 5.0 if told else 0.5)

    async def _override_round(self) -> None:
        until_next = await self._end_overrides()
        longest = 60.0 if until_next is None else min(60.0, until_next.total_seconds())
        await _woken(self._overrides, max(0.05, longest))

    async def _revoke_round(self) -> None:
        await _woken(self._devices, 10.0)
        await asyncio.sleep(0.5)  # gathers what comes together: one SIGHUP for all
        if not await self._revoke():
            await asyncio.sleep(2)
            self._devices.set()

    async def _presence_round(self) -> None:
        await self._notice_presence()
        await asyncio.sleep(2)

    async def _metrics_round(self) -> None:
        async with self.database.transaction() as connection:
            await PostgresMetrics(connection).forget(self._clock.now())
            await PostgresLogs(connection).shorten()
            await PostgresReadings(connection).shorten()
        await asyncio.sleep(METRICS_SECONDS)

    async def _license_round(self) -> None:
        if self._renew is not None:
            await self._renew()
        await asyncio.sleep(self._settings.license_check_interval_s)

    async def _housekeeping_round(self) -> None:
        removed = await _keep_house(self._settings, self.database, self._clock)
        _log.info("house_kept", removed=removed)
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def _keep_house(settings: TenantSettings, database: Database, clock: Clock) -> int:
    await asyncio.to_thread(roll_over, settings.provisioning_keys_dir, clock.now())
    async with database.transaction() as connection:
        now, seeds = clock.now(), Seeds.of(settings)
        license_ = None
        if seeds is not None:
            installed = await read_installed(connection, seeds, settings.customer_id, now)
            license_ = installed.license
        removed = await PostgresMetrics(connection).forget(now)
        kept = retention(license_)
        removed += await PostgresEvents(connection).forget(now, kept)
        for lane in (PostgresLogs(connection), PostgresReadings(connection)):
            removed += await lane.forget(now, kept) + await lane.shorten()
        return removed + await forget(connection, now)


async def _hold(lock: psycopg.AsyncConnection[object]) -> None:
    """Raise when the connection that holds the lock is gone."""
    while True:
        await asyncio.sleep(2)
        await lock.execute("SELECT 1")


async def _forever(name: str, round_: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await round_()
        except PkiFault as fault:
            _log.warning("round_failed", task=name, reason=fault.reason)
            await asyncio.sleep(2)
        except Exception as error:  # noqa: BLE001 - the loop's guard
            _log.warning("round_failed", task=name, error=type(error).__name__, exc_info=error)
            await asyncio.sleep(2)


async def _woken(event: asyncio.Event, longest: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(longest):
            await event.wait()
    event.clear()


def _broker(settings: TenantSettings) -> Broker:
    certificate, key = settings.mqtt_client_cert_file, settings.mqtt_client_key_file
    if certificate is None or key is None:
        raise StopError("set MQTT_CLIENT_CERT_FILE and MQTT_CLIENT_KEY_FILE")
    for path in (settings.tenant_ca_file, certificate, key):
        if not path.exists():
            raise StopError(f"no such file: {path}")
    return Broker(settings.mqtt_host, settings.mqtt_port, settings.tenant_ca_file, certificate, key)
