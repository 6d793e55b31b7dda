"""Builds the agent out of its parts, and runs its loops."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from iotistic_agent.adapters.blob_store import BlobStore
from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.engine_api import EngineApi
from iotistic_agent.adapters.engine_images import EngineImages
from iotistic_agent.adapters.engine_logs import LogLine, read_logs
from iotistic_agent.adapters.host import host_paths, mac_address, os_version
from iotistic_agent.adapters.image_table import LOADED, ImageTable
from iotistic_agent.adapters.keys import DeviceKeys, device_keys, local_token
from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.probes import asker
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import AGENT_VERSION, BUILT, chance
from iotistic_agent.api.inside import Inside
from iotistic_agent.api.routes import answers
from iotistic_agent.chronicle import Chronicle
from iotistic_agent.clock import Clock
from iotistic_agent.configuration import Configuration, configuration
from iotistic_agent.departure import Departures
from iotistic_agent.enrolment import Enrolment, Told
from iotistic_agent.faults import Leaves, StoreFault
from iotistic_agent.host_look import HostLook
from iotistic_agent.images.pull import Puller
from iotistic_agent.leaving import leave
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, RecentLines, log, set_level
from iotistic_agent.loops.guard import begin
from iotistic_agent.loops.logs import WAITING_LINES, Followers, Queue, collect, follow
from iotistic_agent.loops.measure import Measured, measure
from iotistic_agent.loops.online import online
from iotistic_agent.loops.reconcile import reconcile
from iotistic_agent.loops.serve import serve
from iotistic_agent.loops.watch import watch
from iotistic_agent.policy_file import read_policy
from iotistic_agent.probing import Prober
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.pulls import Pulls
from iotistic_agent.registration import Registration
from iotistic_agent.releases import Releases
from iotistic_agent.retries import Retries
from iotistic_agent.sealed import reveal_with
from iotistic_agent.session import Sessions
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bells, Board
from iotistic_agent.spool import Spool
from iotistic_agent.traffic import Traffic
from iotistic_agent.uplink import Uplink
from iotistic_agent.whoami import device_uuid
from iotistic_agent.workshop import Workshop
from iotistic_contract.codec import format_time
from iotistic_contract.lanes import EventType
from iotistic_contract.planning.container_body import Device
from iotistic_pki.files import exclusive

__all__ = ["run"]


async def run(settings: Settings, recent: RecentLines) -> bool:
    """Run the agent until SIGTERM or SIGINT; ``recent`` are its own log's newest lines.

    Return whether somebody asked it to begin anew.
    """
    again = asyncio.Event()
    with _alone(settings.state_dir):
        task = asyncio.create_task(_lives(settings, recent, again.set))
        asking = asyncio.create_task(again.wait())
        asking.add_done_callback(lambda _: task.cancel())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task
        asking.cancel()
    return again.is_set()


async def _lives(settings: Settings, recent: RecentLines, restart: Callable[[], None]) -> None:
    """Live; and after each leave-taking anew, as a device that knows less."""
    departures, clock = Departures(settings.state_dir), Clock()
    while True:
        left = await leave(departures, settings, clock.now, chance)
        if left is not settings:
            recent.forget()
        settings = left
        store = Store.open(settings.state_dir / "device.sqlite", clock.now)
        try:
            await Agent(settings, store, recent, departures, clock, restart).run()
        except* Leaves:
            log(Component.AGENT).info("begins_anew")
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


class Agent:
    """All parts of one device's agent."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what it is made of
        self,
        settings: Settings,
        store: Store,
        recent: RecentLines,
        departures: Departures | None = None,
        clock: Clock | None = None,
        restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._clock.raise_to(store.sync.time_floor() or BUILT)
        self._departures = departures or Departures(settings.state_dir)
        self._restart, self._started_at = restart, format_time(self._clock.now())
        self._store = store
        self._recent = recent
        self._uuid = device_uuid(settings, store)
        self._keys: DeviceKeys = device_keys(settings.state_dir / "keys")
        self._known = store.identity.registration()
        self._registered = asyncio.Event()
        if self._known is not None:
            self._registered.set()
        self._enrolment = Enrolment(
            settings, settings.state_dir, registered=self._known is not None
        )
        self._link, self._board, self._measured = Link(), Board(), Measured()
        self._machine = Machine(settings.state_dir)
        self._bells = Bells()
        self._board.tell(self._bells.report.ring)
        self._board.tell(self._bells.logs.ring)
        self._spool = Spool(
            store.outbox, self._bells.lanes, self._clock.now, lambda: uuid.uuid4().hex
        )
        self._chronicle = Chronicle(self._spool, self._board, self._link)
        self._uplink = Uplink(
            store=store,
            spool=self._spool,
            traffic=Traffic(store.traffic, self._clock.now),
            bell=self._bells.lanes,
            configured=self._configured,
        )
        self._sessions = Sessions(
            settings=settings,
            store=store,
            keys=self._keys,
            bells=self._bells,
            board=self._board,
            link=self._link,
            machine=self._machine,
            measured=self._measured,
            configured=self._configured,
            uplink=self._uplink,
            clock=self._clock,
        )

    async def run(self) -> None:
        """Run all loops; whichever ends ends the others."""
        device = Device(
            uuid=self._uuid, site=self._settings.site, address=self._settings.device_address
        )
        reveal = reveal_with(self._uuid, self._keys.sealing)
        images = BlobStore(
            self._settings.state_dir / "images", self._settings.registries.store_bytes
        )
        loaded = ImageTable(self._settings.state_dir / LOADED)
        engine = DockerEngine(self._settings.engine_socket, device, reveal, loaded)
        loading = EngineApi(self._settings.engine_socket)
        puller = Puller(EngineImages(loading), images, loaded, self._settings.registries)
        retries = Retries(self._clock.now, chance)
        pulls = Pulls(puller, retries, self._bells.reconcile.ring)
        prober = Prober(asker(engine), self._bells.reconcile.ring)
        workshop = Workshop(
            store=self._store,
            engine=engine,
            releases=Releases(
                store=self._store,
                device=device,
                host=HostLook(host_paths(self._settings, Path(sys.prefix)), engine),
                policy=partial(read_policy, self._settings.policy_file),
                configured=self._configured,
                now=self._clock.now,
            ),
            retries=retries,
            pulls=pulls,
            prober=prober,
        )
        log(Component.AGENT).info("started", extra={"uuid": self._uuid, "version": AGENT_VERSION})
        self._spool.tell(EventType.AGENT_STARTED, version=AGENT_VERSION)
        try:
            async with asyncio.TaskGroup() as group:
                run = partial(begin, group, chance)
                run("leave", self._leave)
                run("reconcile", lambda: self._reconcile(workshop, retries))
                run("watch", lambda: watch(engine, self._bells.reconcile, chance))
                run("measure", self._measure)
                run("account", self._uplink.account)
                self._log_loops(run)
                run("serve", lambda: self._serve(workshop, engine))
                run("online", self._online)
        finally:
            prober.stop()
            engine.interrupt()
            loading.interrupt()
            pulls.stop()

    async def _leave(self) -> None:
        """End this life when somebody asks to leave."""
        await self._departures.asked.wait(None)
        raise Leaves("the device leaves its tenant")

    async def _reconcile(self, workshop: Workshop, retries: Retries) -> None:
        """Reconcile; before the device is registered only when nobody forbids it."""
        if self._settings.require_provisioning:
            await self._registered.wait()
        await reconcile(
            workshop,
            retries,
            self._bells.reconcile,
            self._board,
            lambda: self._configured().reconcile_ms / 1000,
        )

    async def _measure(self) -> None:
        await measure(
            read=self._machine.read,
            latency=lambda: self._link.latency_ms,
            more=self._uplink.numbers,
            measured=self._measured,
            sampled=self._spool.sampled,
            untold=self._spool.measured,
            interval=lambda: self._configured().metrics_ms / 1000,
            now=self._clock.now,
            report=self._bells.report,
        )

    async def _online(self) -> None:
        await online(
            known=self._known,
            enrolment=self._enrolment,
            register=self._register,
            keep=self._keep,
            session=self._sessions.run,
            random=chance,
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
        tls_key = self._sessions.tls_key
        return register(
            told.string, identity, self._keys, self._settings, tls_key, now=self._clock.now
        )

    def _log_loops(self, run: Callable[[str, Callable[[], Awaitable[None]]], None]) -> None:
        queue: Queue = asyncio.Queue(WAITING_LINES)

        def read(
            container: str, since: str | None, lines: int | None
        ) -> AsyncGenerator[LogLine, None]:
            socket = self._settings.engine_socket
            return read_logs(socket, container, lines=lines, follow=True, since=since)

        followers = Followers(queue, read, self._store.outbox)

        def enabled() -> bool:
            return self._registered.is_set() and self._configured().log_upload

        run("follow", lambda: follow(followers, self._board, self._bells.logs, enabled))
        run("collect", lambda: collect(queue, self._recent, self._spool, enabled))

    def _keep(self, registration: Registration) -> None:
        self._store.identity.register(registration)
        self._registered.set()
        self._spool.tell(EventType.REGISTERED, registration=registration.registration)

    async def _serve(self, workshop: Workshop, engine: DockerEngine) -> None:
        inside = Inside(
            uuid=self._uuid,
            version=AGENT_VERSION,
            settings=self._settings,
            store=self._store,
            board=self._board,
            bells=self._bells,
            now=self._clock.now,
            link=self._link,
            workshop=workshop,
            engine=engine,
            measured=self._measured,
            enrolment=self._enrolment,
            departures=self._departures,
            recent=self._recent,
            configured=self._configured,
            poll_interval_ms=self._sessions.poll_interval,
            uplink=self._uplink,
            facts=lambda: {"macAddress": mac_address(), "osVersion": os_version()},
            restart=self._restart,
            started_at=self._started_at,
        )
        port = self._settings.local_api_port
        token = "" if port is None else local_token(self._settings.state_dir / "local-api-token")
        await serve(self._settings.api_socket, port, token, answers(inside))

    def _configured(self) -> Configuration:
        """Return what holds now, and let the log's level follow."""
        local = self._store.local_config.all()
        configured = configuration(self._store.targets.wanted(), self._settings, local)
        set_level(configured.log_level)
        return configured
