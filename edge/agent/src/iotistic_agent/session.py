"""One session with the cloud, as one registration: it polls, reports and listens."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from iotistic_agent.adapters.broker import Broker, Hears
from iotistic_agent.adapters.broker_trial import Verdict, try_broker
from iotistic_agent.adapters.cloud import Answer, Cloud, Pace, verified_by
from iotistic_agent.adapters.host import local_ip, os_version
from iotistic_agent.adapters.keys import DeviceKeys
from iotistic_agent.adapters.machine import Machine
from iotistic_agent.adapters.program import Program
from iotistic_agent.adapters.release_source import ReleaseSource
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import AGENT_VERSION, chance
from iotistic_agent.clock import Clock
from iotistic_agent.configuration import Configuration
from iotistic_agent.faults import Renewed, Unauthorized
from iotistic_agent.link import Link
from iotistic_agent.logs import Component, log
from iotistic_agent.loops.broker import count_bytes, hold_broker, on_loop
from iotistic_agent.loops.guard import begin
from iotistic_agent.loops.measure import Measured
from iotistic_agent.loops.orders import follow_orders
from iotistic_agent.loops.poll import poll, poll_interval
from iotistic_agent.loops.renew import renew
from iotistic_agent.loops.report import report
from iotistic_agent.registration import FIRST_TLS_KEY, Registration
from iotistic_agent.renewal.api_key import pending_key_taken
from iotistic_agent.renewal.around import Around, Heard
from iotistic_agent.renewal.work import Renewal
from iotistic_agent.reporting import sections_of
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bell, Bells, Board
from iotistic_agent.traffic import Purpose
from iotistic_agent.upgrading import Upgrades
from iotistic_agent.uplink import Uplink
from iotistic_contract.lanes import Lane

__all__ = ["Sessions"]


class Sessions:
    """What sessions are made of; one runs at a time.

    ``tls_key`` is the file of the broker's key in use.
    """

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
        clock: Clock,
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
        self._clock = clock
        self.tls_key = FIRST_TLS_KEY

    async def run(self, registration: Registration) -> None:
        """Hold sessions, each with what was renewed last, until no key is taken (Unauthorized)."""
        while True:
            registration = self._store.identity.registration() or registration
            try:
                await self._one(registration)
            except* Renewed as group:
                renewed = str(group.exceptions[0])
                log(Component.SYNC).info("session_begins_anew", extra={"renewed": renewed})
            except* Unauthorized:
                if not await self._has_another_key(registration):
                    raise

    async def _has_another_key(self, registration: Registration) -> bool:
        """Tell whether a key is stored that isn't the dead one: renewed just now, or to follow."""
        held = self._store.identity.registration()
        if held is not None and held.api_key != registration.api_key:
            return True
        call_as = partial(self._call_as, Pace(), None)
        return await pending_key_taken(self._store, registration, call_as, self._clock.now)

    async def _one(self, registration: Registration) -> None:
        """Hold one session until something of it was renewed, or its key isn't taken any more."""
        self.tls_key = registration.tls_key
        pace, heard = Pace(), Heard()
        loop = asyncio.get_running_loop()

        def seen(answer: Answer) -> None:
            named = answer.headers.get("x-credentials-etag")
            told = self._clock.raise_by(answer.headers.get("date"))
            if heard.take(named, told):
                _ring(loop, self._bells.renew)

        call_as = partial(self._call_as, pace, seen)
        polling = call_as(registration)
        reporting = call_as(registration, Purpose.REPORT)
        asking = call_as(registration)
        context = verified_by(registration.ca_cert, self._settings.ca_file, self._clock.now)
        releases = ReleaseSource(registration.endpoint, context, self._settings.release_key_file)
        brokers: list[Broker] = []

        def broker(modern: bool, too_modern: Callable[[], None]) -> Broker:  # noqa: FBT001
            linked = on_loop(self._link, self._bells.poll, subscribed=True)

            def subscribed() -> None:
                linked()
                _ring(loop, self._bells.orders)

            hears = Hears(
                subscribed=subscribed,
                lost=on_loop(self._link, self._bells.poll, subscribed=False),
                update=lambda: _ring(loop, self._bells.poll),
                ordered=lambda: _ring(loop, self._bells.orders),
                too_modern=too_modern,
            )
            made = Broker(
                registration,
                self._keys.folder / registration.tls_key,
                hears,
                modern=modern,
                now=self._clock.now,
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
        renewal = Renewal(
            Around(
                registration=registration,
                store=self._store,
                keys=self._keys,
                cloud=reporting,
                call_as=call_as,
                try_broker=self._try_broker,
                connected=lambda: self._link.subscribed,
                heard=heard,
                now=self._clock.now,
            )
        )
        try:
            async with asyncio.TaskGroup() as group:
                run = partial(begin, group, chance)
                run("renew", lambda: renew(renewal, self._bells.renew, chance, time.monotonic))
                run("poll", lambda: self._polling(polling, registration))
                run("report", lambda: self._reporting(reporting, registration, copy))
                run("lanes", lambda: self._uplink.send(reporting, registration.uuid))
                run("broker", lambda: hold_broker(broker))
                run("bytes", lambda: count_bytes(brokers, self._uplink.traffic.count))
                run("orders", lambda: self._ordered(asking, releases, registration))
        finally:
            self._uplink.copy_to(None)
            polling.close()
            reporting.close()
            asking.close()
            releases.close()

    def _call_as(
        self,
        pace: Pace,
        seen: Callable[[Answer], object] | None,
        registration: Registration,
        purpose: Purpose = Purpose.STATE,
    ) -> Cloud:
        context = verified_by(registration.ca_cert, self._settings.ca_file, self._clock.now)
        headers = {"X-Device-API-Key": registration.api_key}
        return Cloud(
            registration.endpoint,
            context,
            headers,
            pace,
            seen,
            proxies=self._settings.proxies,
            count=self._uplink.traffic.count,
            purpose=purpose,
        )

    def _try_broker(self, registration: Registration) -> Verdict:
        key_file = self._keys.folder / registration.tls_key
        return try_broker(registration.mqtt, registration.uuid, key_file, self._clock.now)

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

    async def _ordered(
        self, cloud: Cloud, releases: ReleaseSource, registration: Registration
    ) -> None:
        has_key = self._settings.release_key_file is not None
        await follow_orders(
            cloud=cloud,
            path=f"/api/v1/device/{registration.uuid}/jobs",
            upgrades=Upgrades(
                registration=registration,
                orders=self._store.orders,
                program=Program.here() if has_key else None,
                source=releases,
                now=self._clock.now,
            ),
            bell=self._bells.orders,
            interval=lambda: self.poll_interval() / 1000,
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
                "credentialsETag": self._store.identity.credentials_etag(),
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
            now=self._clock.now,
            random=chance,
            new_stream=lambda: uuid.uuid4().hex,
        )


def _ring(loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
    """Ring from another thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(bell.ring)
