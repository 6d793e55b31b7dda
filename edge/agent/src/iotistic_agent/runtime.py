"""Builds the agent out of its parts, and runs its loops."""

import asyncio
import random
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from iotistic_agent.adapters.blob_store import BlobStore
from iotistic_agent.adapters.broker import Broker, Hears
from iotistic_agent.adapters.cloud import Cloud, Pace, verified_by
from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.engine_api import EngineApi
from iotistic_agent.adapters.engine_images import EngineImages
from iotistic_agent.adapters.host import host_paths, local_ip, mac_address, os_version
from iotistic_agent.adapters.image_table import ImageTable
from iotistic_agent.adapters.keys import DeviceKeys, device_keys, local_token
from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.store import Store
from iotistic_agent.api.inside import Inside
from iotistic_agent.api.routes import answers
from iotistic_agent.configuration import Configuration, configuration
from iotistic_agent.enrolment import Enrolment, Told
from iotistic_agent.faults import StoreFault
from iotistic_agent.images.pull import Puller
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, RecentLines, log, set_level
from iotistic_agent.loops.broker import hold_broker, on_loop
from iotistic_agent.loops.guard import guarded
from iotistic_agent.loops.measure import Measured, measure
from iotistic_agent.loops.online import online
from iotistic_agent.loops.poll import poll, poll_interval
from iotistic_agent.loops.reconcile import reconcile
from iotistic_agent.loops.report import report
from iotistic_agent.loops.serve import serve
from iotistic_agent.loops.watch import watch
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.pulls import Pulls
from iotistic_agent.registration import Registration
from iotistic_agent.reporting import sections_of
from iotistic_agent.retries import Retries
from iotistic_agent.sealed import reveal_with
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bell, Board
from iotistic_agent.workshop import Workshop
from iotistic_contract.planning.container_body import Device
from iotistic_pki.files import exclusive, write_atomic

__all__ = ["run"]

AGENT_VERSION = version("iotistic-agent")
_chance = random.SystemRandom().random


def _now() -> datetime:
    return datetime.now(UTC)


async def run(settings: Settings, recent: RecentLines) -> None:
    """Run the agent until SIGTERM or SIGINT; ``recent`` are its own log's newest lines."""
    with _alone(settings.state_dir):
        store = Store.open(settings.state_dir / "device.sqlite", _now)
        try:
            agent = Agent(settings, store, recent)
            task = asyncio.create_task(agent.run())
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with suppress(asyncio.CancelledError):
                await task
        finally:
            store.close()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder of state; StoreFault when another agent does, or it can't be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreFault(f"can't keep state in {folder}: {exc.strerror}") from None
    try:
        with exclusive(folder / "lock", wait=False):
            yield
    except BlockingIOError:
        raise StoreFault(f"another agent works in {folder}") from None


def _identity(settings: Settings, store: Store) -> str:
    """Return the device's uuid; a second copy outlives a damaged database."""
    copy = settings.state_dir / "uuid"
    kept = copy.read_text(encoding="ascii").strip() if copy.exists() else None
    known = store.uuid(settings.device_uuid or kept, lambda: str(uuid.uuid4()))
    if known != kept:
        write_atomic(copy, known.encode("ascii"), 0o600)
    return known


def _begin(group: asyncio.TaskGroup, name: str, loop: Callable[[], Awaitable[None]]) -> None:
    group.create_task(guarded(name, loop, _chance), name=name)


def _ring(loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
    """Ring from another thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(bell.ring)


class Agent:
    """All parts of one device's agent."""

    def __init__(self, settings: Settings, store: Store, recent: RecentLines) -> None:
        self._settings = settings
        self._store = store
        self._recent = recent
        self._uuid = _identity(settings, store)
        self._keys: DeviceKeys = device_keys(settings.state_dir / "keys")
        self._known = store.registration()
        self._enrolment = Enrolment(
            settings, settings.state_dir, registered=self._known is not None
        )
        self._link, self._board, self._measured = Link(), Board(), Measured()
        self._machine = Machine(settings.state_dir)
        self._reconcile, self._poll, self._report = Bell(), Bell(), Bell()
        self._board.tell(self._report.ring)

    async def run(self) -> None:
        """Run all loops; whichever ends ends the others."""
        device = Device(
            uuid=self._uuid, site=self._settings.site, address=self._settings.device_address
        )
        reveal = reveal_with(self._uuid, self._keys.sealing)
        images = BlobStore(
            self._settings.state_dir / "images", self._settings.registries.store_bytes
        )
        loaded = ImageTable(images.folder / "images.json")
        engine = DockerEngine(self._settings.engine_socket, device, reveal, loaded)
        loading = EngineApi(self._settings.engine_socket)
        puller = Puller(EngineImages(loading), images, loaded, self._settings.registries)
        retries = Retries(_now, _chance)
        pulls = Pulls(puller, retries, self._reconcile.ring)
        workshop = Workshop(
            store=self._store,
            engine=engine,
            device=device,
            policy_file=self._settings.policy_file,
            host=host_paths(self._settings, Path(sys.prefix)),
            retries=retries,
            pulls=pulls,
        )
        log(Component.AGENT).info("started", extra={"uuid": self._uuid, "version": AGENT_VERSION})
        try:
            async with asyncio.TaskGroup() as group:
                begin = partial(_begin, group)
                begin(
                    "reconcile",
                    lambda: reconcile(
                        workshop,
                        retries,
                        self._reconcile,
                        self._board,
                        lambda: self._configured().reconcile_ms / 1000,
                    ),
                )
                begin("watch", lambda: watch(engine, self._reconcile, _chance))
                begin("measure", self._measure)
                begin("serve", lambda: self._serve(workshop, engine))
                begin("online", self._online)
        finally:
            engine.interrupt()
            loading.interrupt()
            pulls.stop()

    async def _measure(self) -> None:
        await measure(
            read=self._machine.read,
            latency=lambda: self._link.latency_ms,
            measured=self._measured,
            interval=lambda: self._configured().metrics_ms / 1000,
            report=self._report,
        )

    async def _online(self) -> None:
        await online(
            known=self._known,
            enrolment=self._enrolment,
            register=self._register,
            keep=self._store.register,
            session=self._session,
            random=_chance,
            now=time.monotonic,
        )

    def _register(self, told: Told) -> Registration:
        identity = Identity(
            uuid=self._uuid,
            name=told.name or self._settings.device_name,
            type=told.type or self._settings.device_type,
            mac_address=mac_address(),
            os_version=os_version(),
            agent_version=AGENT_VERSION,
        )
        return register(told.string, identity, self._keys, self._settings)

    async def _serve(self, workshop: Workshop, engine: DockerEngine) -> None:
        inside = Inside(
            uuid=self._uuid,
            version=AGENT_VERSION,
            settings=self._settings,
            store=self._store,
            board=self._board,
            link=self._link,
            workshop=workshop,
            engine=engine,
            measured=self._measured,
            enrolment=self._enrolment,
            recent=self._recent,
            configured=self._configured,
            poll_interval_ms=self._poll_interval,
            facts=lambda: {"macAddress": mac_address(), "osVersion": os_version()},
        )
        port = self._settings.local_api_port
        token = "" if port is None else local_token(self._settings.state_dir / "local-api-token")
        await serve(self._settings.api_socket, port, token, answers(inside))

    async def _session(self, registration: Registration) -> None:
        context = verified_by(registration.ca_cert, self._settings.ca_file)
        headers = {"X-Device-API-Key": registration.api_key}
        pace = Pace()
        polling = Cloud(registration.endpoint, context, headers, pace)
        reporting = Cloud(registration.endpoint, context, headers, pace)
        loop = asyncio.get_running_loop()
        brokers: list[Broker] = []

        def broker(modern: bool, too_modern: Callable[[], None]) -> Broker:  # noqa: FBT001
            hears = Hears(
                subscribed=on_loop(self._link, self._poll, subscribed=True),
                lost=on_loop(self._link, self._poll, subscribed=False),
                update=lambda: _ring(loop, self._poll),
                too_modern=too_modern,
            )
            brokers[:] = [Broker(registration, self._keys.tls_file, hears, modern=modern)]
            return brokers[0]

        def copy(body: Mapping[str, object]) -> None:
            for each in brokers:
                each.publish_state(body)

        try:
            async with asyncio.TaskGroup() as group:
                begin = partial(_begin, group)
                begin("poll", lambda: self._polling(polling, registration))
                begin("report", lambda: self._reporting(reporting, registration, copy))
                begin("broker", lambda: hold_broker(broker))
        finally:
            polling.close()
            reporting.close()

    def _configured(self) -> Configuration:
        """Return what holds now, and let the log's level follow."""
        configured = configuration(self._store.target(), self._settings)
        set_level(configured.log_level)
        return configured

    def _poll_interval(self) -> int:
        asked = self._store.poll_interval()
        return poll_interval(asked, self._configured(), subscribed=self._link.subscribed)

    async def _polling(self, cloud: Cloud, registration: Registration) -> None:
        await poll(
            cloud=cloud,
            path=urlsplit(registration.target_state_url).path,
            store=self._store,
            interval_ms=self._poll_interval,
            link=self._link,
            bell=self._poll,
            reconcile=self._reconcile,
            random=_chance,
        )

    async def _reporting(
        self,
        cloud: Cloud,
        registration: Registration,
        copy: Callable[[Mapping[str, object]], None],
    ) -> None:
        constant = {
            "agentVersion": AGENT_VERSION,
            "osVersion": os_version(),
            "osPatchLevel": self._machine.patch_level(),
            "system": self._machine.system(),
            "localIp": local_ip(urlsplit(registration.endpoint).hostname or ""),
        }

        def sections() -> dict[str, object] | None:
            situation = self._board.situation
            if situation is None:
                return None
            told = {
                **constant,
                "pollIntervalMs": self._poll_interval(),
                "rebootRequired": self._machine.reboot_required(),
                "metrics": self._measured.metrics or None,
            }
            return sections_of(situation, told)

        await report(
            cloud=cloud,
            store=self._store,
            sections=sections,
            copy=copy,
            link=self._link,
            bell=self._report,
            interval=lambda: self._configured().report_ms / 1000,
            now=_now,
            random=_chance,
            new_stream=lambda: uuid.uuid4().hex,
        )
