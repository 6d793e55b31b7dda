"""Changes as they happen: server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING

from falcon.asgi import SSEvent

from iotistic_kit.app import principal_of
from iotistic_kit.errors import Problem
from iotistic_kit.lease import AWAY
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import READ
from iotistic_tenant_api.storage.streams import FORGOTTEN, PostgresStreams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from falcon.asgi import Request, Response

    from iotistic_kit.auth import Principal
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.fleet import Change, FleetNews, Onlooker

__all__ = ["Streams"]

MOST_OF_A_PERSON = 5
MOST_OF_A_SERVICE = 50
HEARTBEAT = 5.0  # also how soon a connection that is gone gives its place back
GATHERED = 0.1
RETRY_MS = 3000
_OVERVIEW = SSEvent(event="overview", json={})
_RESYNC = SSEvent(event="resync", json={})


class Streams:
    """One stream a request, fed from the worker's window."""

    def __init__(
        self,
        news: FleetNews,
        database: Database,
        clock: Clock,
        identify: Callable[[Request], Awaitable[Principal]],
    ) -> None:
        self._news = news
        self._database = database
        self._clock = clock
        self._identify = identify

    @operation(
        "Hear of changes as they happen",
        access=READ,
        response={"type": "string"},
        response_type="text/event-stream",
        problems=(429,),
    )
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer events `device` {uuid, what}, `overview` and `resync` until the session ends.

        `Last-Event-ID` goes on where another stream ended; who asks for more than is kept, or reads
        too slowly, is told to `resync`, or cut off.
        """
        who, stream = principal_of(req), str(uuid.uuid4())
        await self._open(who, stream)
        resp.set_header("Cache-Control", "no-store")
        resp.set_header("X-Accel-Buffering", "no")
        onlooker = self._news.look(req.get_header("Last-Event-ID"))
        resp.sse = self._told(req, who, stream, onlooker)

    async def _open(self, who: Principal, stream: str) -> None:
        most = MOST_OF_A_PERSON if who.kind == "person" else MOST_OF_A_SERVICE
        async with self._database.transaction() as connection:
            streams = PostgresStreams(connection)
            if not await streams.open(stream, f"{who.kind}:{who.id}", most, self._clock.now()):
                detail = f"at most {most} streams at once"
                raise Refused(429, "too_many_streams", detail, retry_after=int(HEARTBEAT))

    async def _told(
        self, req: Request, who: Principal, stream: str, onlooker: Onlooker
    ) -> AsyncIterator[SSEvent]:
        onlooker.task = asyncio.current_task()
        lives = _Life(self._clock.steady())
        try:
            yield SSEvent(event="hello", event_id=self._news.here(), json={}, retry=RETRY_MS)
            while not onlooker.gone:
                if onlooker.afresh:
                    onlooker.afresh = False
                    yield _RESYNC
                changes = await onlooker.next(HEARTBEAT)
                if onlooker.gone:
                    return
                if not await self._may_stay(req, who):
                    return
                await self._renew(stream, lives)
                for event in _events(changes):
                    yield event
                if changes:
                    await asyncio.sleep(GATHERED)
        finally:
            onlooker.leave()
            await self._close(stream)

    async def _may_stay(self, req: Request, who: Principal) -> bool:
        """Return whether the credentials that the stream was opened with still hold."""
        try:
            now = await self._identify(req)
            READ.check(now, {})
        except Problem as problem:
            return problem.status == 503
        return now.id == who.id

    async def _renew(self, stream: str, lives: _Life) -> None:
        if lives.due(self._clock.steady()):
            async with self._database.connection() as connection:
                await PostgresStreams(connection).renew(stream, self._clock.now())

    async def _close(self, stream: str) -> None:
        with contextlib.suppress(*AWAY):  # what isn't given back is forgotten soon
            async with self._database.connection() as connection:
                await PostgresStreams(connection).close(stream)


class _Life:
    """When a stream was last said to live."""

    def __init__(self, at: float) -> None:
        self._at = at

    def due(self, now: float) -> bool:
        """Return whether it is time to say so again."""
        if now - self._at < FORGOTTEN.total_seconds() / 3:
            return False
        self._at = now
        return True


def _events(changes: list[Change]) -> list[SSEvent]:
    if not changes:
        return [SSEvent(comment="still here")]
    devices = [
        SSEvent(event="device", event_id=str(one.id), json={"uuid": one.uuid, "what": one.what})
        for one in changes
    ]
    return [*devices, _OVERVIEW]
