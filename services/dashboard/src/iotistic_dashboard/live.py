"""What changes, told to every open page: one stream of the API for each session, shared."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

import structlog

from iotistic_dashboard.api import ApiError, ApiRefused, TenantApi
from iotistic_dashboard.sessions.desk import Caller, SessionDesk, SessionEnded

__all__ = ["Live", "Told"]

GATHER = 0.4
BEAT = 5.0
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
    """One open page: what it is to be told; None when nothing more comes."""

    queue: asyncio.Queue[Told | None]


@dataclass(eq=False, slots=True)
class _Stream:
    """The API's stream of one session, and the pages that listen to it."""

    pages: set[_Page] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    after: str | None = None
    away: bool = False
    broken: int = 0
    ended: bool = False

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

    async def events(self, caller: Caller, device: str = "") -> AsyncGenerator[Told | None]:
        """Give what a page shows: changes gathered for 0.4 s, of ``device`` or of the fleet.

        ``away`` and ``back`` tell of the API, ``resync`` that something may have been missed,
        ``ended`` that the session is over. None, every 5 s, is nothing: whoever writes it out
        learns whether the page is still there.
        """
        page = _Page(asyncio.Queue(QUEUE))
        stream = self._joined(caller, page)
        try:
            if stream.away:
                yield Told("away")
            while True:
                try:
                    told = await asyncio.wait_for(page.queue.get(), BEAT)
                except TimeoutError:
                    yield None
                    continue
                if told is None:
                    break
                if told.event not in {"device", "overview"}:
                    yield told
                elif _concerns(told, device):
                    yield await _gathered(page.queue, told)
            if stream.ended:
                yield Told("ended")
        finally:
            self._left(caller.session.id, stream, page)

    def pages(self, caller: Caller) -> int:
        """Return how many pages of the caller's session listen."""
        stream = self._streams.get(caller.session.id)
        return 0 if stream is None else len(stream.pages)

    async def open(self) -> None:
        """Do nothing: streams are opened when a page listens."""

    async def close(self) -> None:
        """End every stream."""
        for stream in list(self._streams.values()):
            if stream.task is not None:
                stream.task.cancel()

    def _joined(self, caller: Caller, page: _Page) -> _Stream:
        stream = self._streams.get(caller.session.id)
        if stream is None or stream.task is None or stream.task.done():
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
        try:
            while not stream.ended:
                wait = await self._turn(caller, stream)
                await asyncio.sleep(wait)
        finally:
            if self._streams.get(caller.session.id) is stream:
                del self._streams[caller.session.id]
            stream.tell(None)

    async def _turn(self, caller: Caller, stream: _Stream) -> float:
        """Read until it breaks; the seconds to wait before the next turn.

        A stream ends with its token: pages hear of ``away`` when it can't be begun again at once.
        """
        try:
            await self._read(caller, stream)
        except SessionEnded:
            stream.ended = True
            return 0
        except ApiRefused:  # too many streams of this person: look now and then instead
            stream.tell(Told("resync"))
            return POLL
        except ApiError as exc:
            _log.info("stream_broken", error=type(exc).__name__)
        except Exception:  # noqa: BLE001 -- the loop's guard: the next turn may well work
            _log.exception("stream_failed")
        stream.broken += 1
        if stream.broken > 1 and not stream.away:
            stream.away = True
            stream.tell(Told("away"))
        return BACKOFF[min(stream.broken, len(BACKOFF)) - 1]

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
        """Tell pages to look again where the API can't know what they have missed."""
        missed = stream.away or (stream.broken and stream.after is None)
        if stream.away:
            stream.tell(Told("back"))
        if missed:
            stream.tell(Told("resync"))
        stream.away, stream.broken = False, 0


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
