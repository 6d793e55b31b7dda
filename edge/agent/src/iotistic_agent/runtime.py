"""Builds the agent out of its parts, and runs its loops."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.host import host_paths, mac_address, os_version
from iotistic_agent.adapters.keys import DeviceKeys, device_keys, local_token
from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.probes import asker
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import AGENT_VERSION, chance, utc_now
from iotistic_agent.api.inside import Inside
from iotistic_agent.api.routes import answers
from iotistic_agent.configuration import Configuration, configuration
from iotistic_agent.enrolment import Enrolment, Told
from iotistic_agent.faults import StoreFault
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, RecentLines, log, set_level
from iotistic_agent.loops.guard import begin
from iotistic_agent.loops.measure import Measured, measure
from iotistic_agent.loops.online import online
from iotistic_agent.loops.reconcile import reconcile
from iotistic_agent.loops.serve import serve
from iotistic_agent.loops.watch import watch
from iotistic_agent.policy_file import read_policy
from iotistic_agent.probing import Prober
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.registration import Registration
from iotistic_agent.releases import Releases
from iotistic_agent.retries import Retries
from iotistic_agent.sealed import reveal_with
from iotistic_agent.session import Sessions
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bells, Board
from iotistic_agent.workshop import Pulls, Workshop
from iotistic_contract.codec import format_time
from iotistic_contract.planning.container_body import Device
from iotistic_pki.files import exclusive, write_atomic

__all__ = ["run"]


async def run(settings: Settings, recent: RecentLines) -> bool:
    """Run the agent until SIGTERM or SIGINT; ``recent`` are its own log's newest lines.

    Return whether somebody asked it to begin anew.
    """
    again = asyncio.Event()
    with _alone(settings.state_dir):
        store = Store.open(settings.state_dir / "device.sqlite", utc_now)
        try:
            agent = Agent(settings, store, recent, again.set)
            task = asyncio.create_task(agent.run())
            asking = asyncio.create_task(again.wait())
            asking.add_done_callback(lambda _: task.cancel())
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with suppress(asyncio.CancelledError):
                await task
        finally:
            asking.cancel()
            store.close()
    return again.is_set()


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
    known = store.identity.uuid(settings.device_uuid or kept, lambda: str(uuid.uuid4()))
    if known != kept:
        write_atomic(copy, known.encode("ascii"), 0o600)
    return known


class Agent:
    """All parts of one device's agent."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        recent: RecentLines,
        restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._restart, self._started_at = restart, format_time(utc_now())
        self._store = store
        self._recent = recent
        self._uuid = _identity(settings, store)
        self._keys: DeviceKeys = device_keys(settings.state_dir / "keys")
        self._known = store.identity.registration()
        self._enrolment = Enrolment(
            settings, settings.state_dir, registered=self._known is not None
        )
        self._link, self._board, self._measured = Link(), Board(), Measured()
        self._machine = Machine(settings.state_dir)
        self._bells = Bells()
        self._board.tell(self._bells.report.ring)
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
        )

    async def run(self) -> None:
        """Run all loops; whichever ends ends the others."""
        device = Device(
            uuid=self._uuid, site=self._settings.site, address=self._settings.device_address
        )
        reveal = reveal_with(self._uuid, self._keys.sealing)
        engine = DockerEngine(self._settings.engine_socket, device, reveal)
        retries = Retries(utc_now, chance)
        prober = Prober(asker(engine), self._bells.reconcile.ring)
        workshop = Workshop(
            store=self._store,
            engine=engine,
            releases=Releases(
                store=self._store,
                device=device,
                host=host_paths(self._settings, Path(sys.prefix)),
                policy=partial(read_policy, self._settings.policy_file),
                configured=self._configured,
                now=utc_now,
            ),
            retries=retries,
            pulls=Pulls(engine, retries, self._bells.reconcile.ring),
            prober=prober,
        )
        log(Component.AGENT).info("started", extra={"uuid": self._uuid, "version": AGENT_VERSION})
        try:
            async with asyncio.TaskGroup() as group:
                run = partial(begin, group, chance)
                run(
                    "reconcile",
                    lambda: reconcile(
                        workshop,
                        retries,
                        self._bells.reconcile,
                        self._board,
                        lambda: self._configured().reconcile_ms / 1000,
                    ),
                )
                run("watch", lambda: watch(engine, self._bells.reconcile, chance))
                run("measure", self._measure)
                run("serve", lambda: self._serve(workshop, engine))
                run("online", self._online)
        finally:
            prober.stop()
            engine.interrupt()

    async def _measure(self) -> None:
        await measure(
            read=self._machine.read,
            latency=lambda: self._link.latency_ms,
            measured=self._measured,
            interval=lambda: self._configured().metrics_ms / 1000,
            report=self._bells.report,
        )

    async def _online(self) -> None:
        await online(
            known=self._known,
            enrolment=self._enrolment,
            register=self._register,
            keep=self._store.identity.register,
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
        return register(told.string, identity, self._keys, self._settings)

    async def _serve(self, workshop: Workshop, engine: DockerEngine) -> None:
        inside = Inside(
            uuid=self._uuid,
            version=AGENT_VERSION,
            settings=self._settings,
            store=self._store,
            board=self._board,
            bells=self._bells,
            now=utc_now,
            link=self._link,
            workshop=workshop,
            engine=engine,
            measured=self._measured,
            enrolment=self._enrolment,
            recent=self._recent,
            configured=self._configured,
            poll_interval_ms=self._sessions.poll_interval,
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
