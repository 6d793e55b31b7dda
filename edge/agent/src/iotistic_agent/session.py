"""One session with the cloud, as one registration: it polls, reports and listens."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from iotistic_agent.adapters.broker import Broker, Hears
from iotistic_agent.adapters.cloud import Cloud, Pace, verified_by
from iotistic_agent.adapters.host import local_ip, os_version
from iotistic_agent.adapters.keys import DeviceKeys
from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import AGENT_VERSION, chance, utc_now
from iotistic_agent.configuration import Configuration
from iotistic_agent.link import Link
from iotistic_agent.loops.broker import count_bytes, hold_broker, on_loop
from iotistic_agent.loops.guard import begin
from iotistic_agent.loops.measure import Measured
from iotistic_agent.loops.poll import poll, poll_interval
from iotistic_agent.loops.report import report
from iotistic_agent.registration import Registration
from iotistic_agent.reporting import sections_of
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bell, Bells, Board
from iotistic_agent.traffic import Purpose
from iotistic_agent.uplink import Uplink
from iotistic_contract.lanes import Lane

__all__ = ["Sessions"]


class Sessions:
    """What sessions are made of; one runs at a time."""

    def __init__(  # noqa: PLR0913 -- its collaborators
        self,
        *,
        settings: Settings,
        store: Store,
        keys: DeviceKeys,
        bells: Bells,
        board: Board,
        link: Link,
        machine: Machine,
        measured: Measured,
        configured: Callable[[], Configuration],
        uplink: Uplink,
    ) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys
        self._bells = bells
        self._board = board
        self._link = link
        self._machine = machine
        self._measured = measured
        self._configured = configured
        self._uplink = uplink

    async def run(self, registration: Registration) -> None:
        """Hold a session until the device's key isn't taken any more (Unauthorized)."""
        context = verified_by(registration.ca_cert, self._settings.ca_file)
        headers = {"X-Device-API-Key": registration.api_key}
        cloud = partial(
            Cloud,
            registration.endpoint,
            context,
            headers,
            Pace(),
            proxies=self._settings.proxies,
            count=self._uplink.traffic.count,
        )
        polling, reporting = cloud(purpose=Purpose.STATE), cloud(purpose=Purpose.REPORT)
        loop = asyncio.get_running_loop()
        brokers: list[Broker] = []

        def broker(modern: bool, too_modern: Callable[[], None]) -> Broker:  # noqa: FBT001
            hears = Hears(
                subscribed=on_loop(self._link, self._bells.poll, subscribed=True),
                lost=on_loop(self._link, self._bells.poll, subscribed=False),
                update=lambda: _ring(loop, self._bells.poll),
                too_modern=too_modern,
            )
            made = Broker(
                registration,
                self._keys.tls_file,
                hears,
                modern=modern,
                proxies=self._settings.proxies,
            )
            brokers[:] = [made]
            return made

        def copy(body: Mapping[str, object]) -> None:
            self._measured.told(body.get("metrics"))
            for each in brokers:
                each.publish_state(body)

        def copy_line(lane: Lane, line: Mapping[str, object]) -> None:
            for each in brokers:
                each.publish_copy(lane, line)

        self._uplink.copy_to(copy_line)
        try:
            async with asyncio.TaskGroup() as group:
                run = partial(begin, group, chance)
                run("poll", lambda: self._polling(polling, registration))
                run("report", lambda: self._reporting(reporting, registration, copy))
                run("lanes", lambda: self._uplink.send(reporting, registration.uuid))
                run("broker", lambda: hold_broker(broker))
                run("bytes", lambda: count_bytes(brokers, self._uplink.traffic.count))
        finally:
            self._uplink.copy_to(None)
            polling.close()
            reporting.close()

    def poll_interval(self) -> int:
        """Return the milliseconds between polls as things stand."""
        asked = self._store.sync.poll_interval()
        return poll_interval(asked, self._configured(), subscribed=self._link.subscribed)

    async def _polling(self, cloud: Cloud, registration: Registration) -> None:
        await poll(
            cloud=cloud,
            path=urlsplit(registration.target_state_url).path,
            store=self._store,
            interval_ms=self.poll_interval,
            link=self._link,
            bell=self._bells.poll,
            reconcile=self._bells.reconcile,
            random=chance,
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
            every = self._configured().report_metrics_ms / 1000
            told = {
                **constant,
                "pollIntervalMs": self.poll_interval(),
                "rebootRequired": self._machine.reboot_required(),
                "metrics": self._measured.section(time.monotonic(), every) or None,
            }
            return sections_of(situation, told)

        await report(
            cloud=cloud,
            store=self._store,
            sections=sections,
            copy=copy,
            link=self._link,
            bell=self._bells.report,
            interval=lambda: self._configured().report_ms / 1000,
            now=utc_now,
            random=chance,
            new_stream=lambda: uuid.uuid4().hex,
        )


def _ring(loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
    """Ring from another thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(bell.ring)
