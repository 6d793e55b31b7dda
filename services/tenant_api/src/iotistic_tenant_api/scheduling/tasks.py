"""One round of each of the scheduler's tasks: read, act, store."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import structlog

from iotistic_contract.orders import OrderKind
from iotistic_contract.topics import topic
from iotistic_pki.errors import SignerRefused
from iotistic_tenant_api.domain.events import target_events
from iotistic_tenant_api.domain.targets import expire
from iotistic_tenant_api.live.checks import HEARTBEAT
from iotistic_tenant_api.scheduling.broker import BrokerAway
from iotistic_tenant_api.storage.configuration import PostgresConfiguration
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.orders import PostgresOrders
from iotistic_tenant_api.storage.poll_requests import PostgresPollRequests
from iotistic_tenant_api.storage.registrations import PostgresRegistrations
from iotistic_tenant_api.storage.targets import PostgresTargets

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.orders import Given
    from iotistic_tenant_api.scheduling.broker import Broker
    from iotistic_tenant_api.security.certificates import DeviceCertificates
    from iotistic_tenant_api.storage.poll_requests import PollRequest

__all__ = ["Announcements", "EndOverrides", "Heartbeat", "OrderMessages", "RevokeCertificates"]

BATCH = 500
POLL_MESSAGE = b'{"schema":1}'
_log = structlog.get_logger("iotistic_tenant_api.scheduler")
_REASONS = {"superseded": "superseded", "released": "cessation_of_operation"}


class Announcements:
    """Tells devices to poll, at once and again; what the broker hasn't taken stays asked for."""

    def __init__(self, database: Database, broker: Broker, clock: Clock) -> None:
        self._database = database
        self._broker = broker
        self._clock = clock

    async def __call__(self) -> bool:
        """Return whether nobody waits to be told any more; False to come back soon."""
        while True:
            async with self._database.connection() as connection:
                requests = PostgresPollRequests(connection)
                due = await requests.due(self._clock.now(), BATCH)
                if not due:
                    return not await requests.waiting()
            sent = await asyncio.gather(
                *(self._broker.publish(_update(one), POLL_MESSAGE) for one in due),
                return_exceptions=True,
            )
            if any(isinstance(outcome, BrokerAway) for outcome in sent):
                return False
            async with self._database.transaction() as connection:
                await PostgresPollRequests(connection).told(due, self._clock.now())


class OrderMessages:
    """Sends devices their upgrade orders; they fetch the same by HTTP, so each is sent once."""

    def __init__(self, database: Database, broker: Broker, clock: Clock) -> None:
        self._database = database
        self._broker = broker
        self._clock = clock

    async def __call__(self) -> bool:
        """Return whether all are sent; False to come back soon."""
        while True:
            async with self._database.connection() as connection:
                due = await PostgresOrders(connection).to_announce(self._clock.now(), BATCH)
            if not due:
                return True
            sent = await asyncio.gather(
                *(self._broker.publish(*_order_message(one)) for one in due),
                return_exceptions=True,
            )
            if any(isinstance(outcome, BrokerAway) for outcome in sent):
                return False
            async with self._database.transaction() as connection:
                await PostgresOrders(connection).announced(due, self._clock.now())


class EndOverrides:
    """Takes back overrides whose time is over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> timedelta | None:
        """Return how long it is until the next one ends, None when none does."""
        while True:
            now = self._clock.now()
            async with self._database.transaction() as connection:
                targets = PostgresTargets(connection)
                due = await targets.due(now, BATCH)
                held = await targets.get(due, lock=True)
                changed = [expire(target, now) for target in held.values()]
                if changed:
                    await targets.put(changed, by="scheduler")
                    events = [
                        event
                        for target in changed
                        for event in target_events(
                            held[target.uuid], target, actor="scheduler", expired=True
                        )
                    ]
                    await PostgresEvents(connection).record(events, now)
                    uuids = [target.uuid for target in changed]
                    await PostgresPollRequests(connection).ask(uuids, now)
                following = await targets.next_expiry()
            if following is None or following > now:
                return None if following is None else following - now


class RevokeCertificates:
    """Revokes what has had its end, has the broker load the list, and cuts open sessions."""

    def __init__(
        self,
        database: Database,
        certificates: DeviceCertificates,
        broker: Broker,
        pid_file: Path | None,
        clock: Clock,
    ) -> None:
        self._database = database
        self._certificates = certificates
        self._broker = broker
        self._pid_file = pid_file
        self._clock = clock

    async def __call__(self) -> bool:
        """Return whether all is done; False when signer or broker must be asked again."""
        async with self._database.connection() as connection:
            ended = await PostgresRegistrations(connection).certificates_to_revoke(BATCH)
        if not ended:
            return True
        for serial, _, reason in ended:
            await self._revoke(serial, reason)
        self._reload_broker()
        # The broker reads the list in its own loop; a session cut before would come back.
        await asyncio.sleep(0.2)
        try:
            await self._broker.kick(sorted({uuid for _, uuid, _ in ended}))
        except BrokerAway:
            return False
        async with self._database.transaction() as connection:
            await PostgresRegistrations(connection).mark_revoked(
                [serial for serial, _, _ in ended], self._clock.now()
            )
        _log.info("certificates_revoked", count=len(ended))
        return len(ended) < BATCH

    async def _revoke(self, serial: str, reason: str) -> None:
        try:
            await self._certificates.revoke(serial, _REASONS.get(reason, "unspecified"))
        except SignerRefused as refused:
            if refused.reason != "serial":
                raise
            _log.warning("certificate_unknown_to_the_ca", serial=serial)

    def _reload_broker(self) -> None:
        if self._pid_file is None:
            return
        try:
            os.kill(int(self._pid_file.read_text(encoding="ascii").strip()), signal.SIGHUP)
        except (OSError, ValueError):
            _log.warning("broker_not_signalled", pid_file=str(self._pid_file))


class Heartbeat:
    """Shows that a scheduler is at work."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> None:
        """Store the time."""
        async with self._database.transaction() as connection:
            await PostgresConfiguration(connection).put(
                HEARTBEAT, {"pid": os.getpid()}, self._clock.now()
            )


def _update(request: PollRequest) -> str:
    return topic("update", request.device_uuid)


def _order_message(order: Given) -> tuple[str, bytes]:
    """Return topic and payload; kinds beside upgrades are only told to wait."""
    if order.kind != OrderKind.UPGRADE:
        return topic("jobsNotify", order.device_uuid), POLL_MESSAGE
    document = {"schema": 1, "order": order.token}
    return topic("upgrade", order.device_uuid), json.dumps(document).encode("ascii")
