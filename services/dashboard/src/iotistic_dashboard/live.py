"""What changes, told to every open page: one stream of the API for each session, shared."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog

from iotistic_dashboard.api import ApiError, ApiRefused, TenantApi
from iotistic_dashboard.sessions.desk import Caller, SessionDesk, SessionEnded

__all__ = ["Live", "Told"]

GATHER = 0.4
POLL = 15.0
BACKOFF = (0.5, 1.0, 2.0, 5.0)
QUEUE = 256
_log = structlog.get_logger("iotistic_dashboard.live")


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the API's stream; ``uuid`` is '' when it is about the whole fleet."""

    event: str
    uuid: str = ""


@dataclass(eq=False, slots=True)
class _Page:
    """One open page: what it is to be told; None when the session has ended."""

    queue: asyncio.Queue[Told | None]


@dataclass(eq=False, slots=True)
class _Stream:
    """The API's stream of one session, and the pages that listen to it."""

    pages: set[_Page] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    after: str | None = None
    away: bool = False

    def tell(self, told: Told | None) -> None:
        for page in self.pages:
            if page.queue.full():
                with contextlib.suppress(asyncio.QueueEmpty):
                    while True:
                        page.queue.get_nowait()
                page.queue.put_nowait(Told("resync"))
            page.queue.put_nowait(told)


class Live:
    """The streams that are open in this process."""

    def __init__(self, api: TenantApi, desk: SessionDesk) -> None:
        self._api, self._desk = api, desk
        self._streams: dict[bytes, _Stream] = {}

    async def events(self, caller: Caller, device: str = "") -> AsyncIterator[Told]:
        """Give what a page shows: changes gathered for 0.4 s, of ``device`` or of the fleet.

        ``away`` and ``back`` tell of the API, ``resync`` that something may have been missed,
        ``ended`` that the session is over.
        """
        page = _Page(asyncio.Queue(QUEUE))
        stream = self._joined(caller, page)
        try:
            if stream.away:
                yield Told("away")
            while (told := await page.queue.get()) is not None:
                if told.event not in {"device", "overview"}:
                    yield told
                elif _concerns(told, device):
                    yield await _gathered(page.queue, told)
            yield Told("ended")
        finally:
            self._left(caller.session.id, stream, page)

    async def open(self) -> None:
        """Do nothing: streams are opened when a page listens."""

    async def close(self) -> None:
        """End every stream."""
        for stream in self._streams.values():
            if stream.task is not None:
                stream.task.cancel()

    def _joined(self, caller: Caller, page: _Page) -> _Stream:
        stream = self._streams.get(caller.session.id)
        if stream is None:
            stream = self._streams[caller.session.id] = _Stream()
            stream.task = asyncio.create_task(self._follow(caller, stream))
        stream.pages.add(page)
        return stream

    def _left(self, session: bytes, stream: _Stream, page: _Page) -> None:
        stream.pages.discard(page)
        if not stream.pages and self._streams.get(session) is stream:
            del self._streams[session]
            if stream.task is not None:
                stream.task.cancel()

    async def _follow(self, caller: Caller, stream: _Stream) -> None:
        """Read the API's stream as long as a page listens; begin it again when it breaks."""
        tries = 0
        while True:
            try:
                await self._read(caller, stream)
                tries = 0
            except SessionEnded:
                break
            except ApiRefused:  # too many streams of this person: look now and then instead
                stream.tell(Told("resync"))
                await asyncio.sleep(POLL)
                continue
            except ApiError as exc:
                _log.info("stream_broken", error=type(exc).__name__)
            if not stream.away:
                stream.away = True
                stream.tell(Told("away"))
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1
        self._streams.pop(caller.session.id, None)
        stream.tell(None)

    async def _read(self, caller: Caller, stream: _Stream) -> None:
        token = await self._desk.access(caller.session.id, caller.browser)
        try:
            async with self._api.stream(token, stream.after) as lines:
                self._greet(stream)
                async for told in _events(lines, stream):
                    stream.tell(told)
        except ApiRefused as refused:
            if refused.status != 401:
                raise
            await self._desk.access(caller.session.id, caller.browser, spent=token)

    @staticmethod
    def _greet(stream: _Stream) -> None:
        if stream.away:
            stream.away = False
            stream.tell(Told("back"))
            stream.tell(Told("resync"))


def _concerns(told: Told, device: str) -> bool:
    return told.uuid == device if device else True


async def _gathered(queue: asyncio.Queue[Told | None], first: Told) -> Told:
    """Return one event for all changes of the next 0.4 s; others than changes stay in line."""
    await asyncio.sleep(GATHER)
    kept: list[Told | None] = []
    while not queue.empty():
        told = queue.get_nowait()
        if told is None or told.event not in {"device", "overview"}:
            kept.append(told)
    for told in kept:
        queue.put_nowait(told)
    return Told("changed", first.uuid)


async def _events(lines: AsyncIterator[str], stream: _Stream) -> AsyncIterator[Told]:
    """Give the events of an event stream, and note the last one's id."""
    event, data = "", ""
    async for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if event:
                yield Told(event, _uuid(data))
            event, data = "", ""
        elif name == "event":
            event = value
        elif name == "data":
            data = value
        elif name == "id":
            stream.after = value


def _uuid(data: str) -> str:
    try:
        document = json.loads(data or "{}")
    except ValueError:
        return ""
    return str(document.get("uuid", "")) if isinstance(document, dict) else ""
