"""What changes reaches open pages: gathered, of one device or of all, also after a break."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import pytest

from iotistic_dashboard import live as module
from iotistic_dashboard.api import Browser, TenantApi
from iotistic_dashboard.live import Live
from iotistic_dashboard.resources.live import LiveEvents
from iotistic_dashboard.sessions.desk import Caller, SessionDesk
from iotistic_dashboard.sessions.store import SqliteSessions, identity
from iotistic_dashboard.sessions.vault import Vault
from iotistic_kit.clock import SystemClock
from iotistic_kit.errors import Problem

from .conftest import COOKIE as COOKIE_NAME

A, B = "0b4c7d1e-5f60-4a2b-9c3d-00000000000a", "0b4c7d1e-5f60-4a2b-9c3d-00000000000b"
COOKIE = b"c" * 32


class Stream(httpx.AsyncByteStream):
    """The API's stream, written by the test; None breaks it off."""

    def __init__(self, lines: asyncio.Queue[str | None]) -> None:
        self.lines = lines

    async def __aiter__(self):
        while (line := await self.lines.get()) is not None:
            yield line.encode()


class Api(httpx.AsyncBaseTransport):
    """Answers the stream, and everything else from the tenant in memory."""

    def __init__(self, tenant) -> None:
        self.rest = httpx.ASGITransport(tenant)
        self.tenant = tenant
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.asked: list[dict[str, str]] = []
        self.full = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/v1/stream" or self.tenant.away:
            return await self.rest.handle_async_request(request)
        self.asked.append(dict(request.headers))
        if request.headers["Authorization"].removeprefix("Bearer ") not in self.tenant.access:
            return httpx.Response(401, json={"code": "unauthorized"})
        if self.full:
            return httpx.Response(429, json={"code": "too_many_streams"})
        return httpx.Response(200, stream=Stream(self.lines))

    def tell(self, number: int, event: str, **facts: str) -> None:
        self.lines.put_nowait(f"id: {number}\nevent: {event}\ndata: {json.dumps(facts)}\n\n")


class Page:
    """An open page: what it is told, in order."""

    def __init__(self, live: Live, caller: Caller, device: str = "") -> None:
        self.beats = 0
        self.told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.task = asyncio.create_task(self._read(live, caller, device))

    async def _read(self, live: Live, caller: Caller, device: str) -> None:
        async for told in live.events(caller, device):
            if told is None:
                self.beats += 1
                continue
            self.told.put_nowait((told.event, told.uuid))

    async def next(self) -> tuple[str, str]:
        return await asyncio.wait_for(self.told.get(), 5)

    async def leave(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def world(tenant, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GATHER", 0.05)
    monkeypatch.setattr(module, "BACKOFF", (0.02,))
    transport = Api(tenant)
    api = TenantApi(httpx.AsyncClient(transport=transport, base_url="https://api"))
    store = SqliteSessions(tmp_path / "s", Vault(b"k" * 32), SystemClock())
    desk = SessionDesk(api, store, SystemClock())
    browser = Browser("127.0.0.1", "test")
    body = {"email": "ada@example.com", "password": "correct horse battery staple"}
    login = await api.call("POST", "/api/v1/auth/login", token=None, browser=browser, body=body)
    await desk.begin(COOKIE, login, browser)
    caller = Caller(api, desk, store.find(identity(COOKIE)), browser)
    yield transport, Live(api, desk), caller
    await store.close()


async def test_a_burst_of_changes_is_told_once_and_the_last_is_never_lost(world):
    api, live, caller = world
    page = Page(live, caller)
    for number in range(50):
        api.tell(number, "device", uuid=A, what="state")
    assert await page.next() == ("changed", A)
    api.tell(50, "overview")
    assert await page.next() == ("changed", "")
    assert page.told.empty()
    await page.leave()


async def test_a_device_s_page_hears_of_its_device_only(world):
    api, live, caller = world
    page = Page(live, caller, device=B)
    api.tell(1, "device", uuid=A, what="state")
    api.tell(2, "overview")
    api.tell(3, "device", uuid=B, what="target")
    assert await page.next() == ("changed", B)
    await page.leave()


async def test_all_pages_of_a_session_share_one_stream(world):
    api, live, caller = world
    pages = [Page(live, caller) for _ in range(8)]
    api.tell(1, "device", uuid=A, what="state")
    assert [await page.next() for page in pages] == [("changed", A)] * 8
    assert len(api.asked) == 1
    for page in pages:
        await page.leave()
    assert live._streams == {}


async def test_after_a_break_the_page_is_told_to_look_again(world, tenant):
    api, live, caller = world
    page = Page(live, caller)
    api.tell(7, "device", uuid=A, what="state")
    assert await page.next() == ("changed", A)
    tenant.away = True
    api.lines.put_nowait(None)
    assert await page.next() == ("away", "")
    tenant.away = False
    assert [await page.next(), await page.next()] == [("back", ""), ("resync", "")]
    assert api.asked[-1]["last-event-id"] == "7"
    api.tell(9, "resync")
    assert await page.next() == ("resync", "")
    await page.leave()


async def test_an_ended_session_ends_the_page_s_stream(world, tenant):
    api, live, caller = world
    page = Page(live, caller)
    api.tell(1, "overview")
    await page.next()
    tenant.access.clear()
    tenant.ended = True
    api.lines.put_nowait(None)
    assert await page.next() == ("ended", "")
    await page.task
    assert live._streams == {}


async def test_a_token_that_ran_out_is_renewed_for_the_stream(world, tenant):
    _, live, caller = world
    tenant.access.clear()
    page = Page(live, caller)
    assert await page.next() == ("resync", ""), "nobody is told that the API is away: it isn't"
    assert tenant.refreshes == 1
    await page.leave()


async def test_with_too_many_streams_a_page_looks_now_and_then(world, monkeypatch):
    api, live, caller = world
    monkeypatch.setattr(module, "POLL", 0.05)
    api.full = True
    page = Page(live, caller)
    assert [await page.next(), await page.next()] == [("resync", "")] * 2
    await page.leave()


async def test_a_stream_that_ends_and_begins_again_is_no_news(world):
    api, live, caller = world
    page = Page(live, caller)
    api.tell(7, "device", uuid=A, what="state")
    assert await page.next() == ("changed", A)
    api.lines.put_nowait(None)
    api.tell(8, "device", uuid=B, what="state")
    assert await page.next() == ("changed", B)
    assert (len(api.asked), api.asked[-1]["last-event-id"]) == (2, "7")
    await page.leave()


async def test_a_page_that_hears_nothing_hears_a_beat(world, monkeypatch):
    _, live, caller = world
    monkeypatch.setattr(module, "BEAT", 0.02)
    page = Page(live, caller)
    async with asyncio.timeout(5):
        while page.beats < 3:  # noqa: ASYNC110 -- a test's own count
            await asyncio.sleep(0.01)
    assert page.told.empty()
    await page.leave()


async def test_a_closed_page_s_stream_is_over_with_the_next_beat(ada, tenant, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.02)
    cookie = f"{COOKIE_NAME}={ada.cookies[COOKIE_NAME]}"
    async with (
        asyncio.timeout(5),
        ada.conductor.simulate_get_stream("/live", headers={"Cookie": cookie}) as answer,
    ):
        text = b""
        while b": ping" not in text:
            text += await answer.stream.read()
    assert answer.status_code == 200
    assert text.startswith(b"event: hello")


async def test_a_session_has_twenty_pages_at_most(world):
    _, live, caller = world
    pages = [Page(live, caller) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        LiveEvents(live).check(caller)
    assert (refused.value.status, live.pages(caller)) == (429, 20)
    for page in pages:
        await page.leave()
    LiveEvents(live).check(caller)


async def test_a_fault_of_this_program_ends_no_stream(world, monkeypatch):
    api, live, caller = world
    page = Page(live, caller)
    with monkeypatch.context() as broken:
        broken.setattr(module, "_uuid", lambda _data: 1 // 0)
        api.tell(1, "device", uuid=A, what="state")
        async with asyncio.timeout(5):
            while len(api.asked) < 2:  # noqa: ASYNC110 -- a test's own list
                await asyncio.sleep(0.01)
    api.tell(2, "device", uuid=B, what="state")
    told = [await page.next()]
    while told[-1] != ("changed", B):
        told.append(await page.next())
    await page.leave()


async def test_a_stream_that_is_over_is_no_stream_to_join(world):
    api, live, caller = world
    first = Page(live, caller)
    api.tell(1, "overview")
    await first.next()
    stream = live._streams[caller.session.id]
    stream.task.cancel()
    await asyncio.wait_for(first.task, 5)
    live._streams[caller.session.id] = stream
    second = Page(live, caller)
    api.tell(2, "device", uuid=A, what="state")
    assert await second.next() == ("changed", A)
    assert first.told.empty(), "the session goes on: nobody is sent to sign in"
    await second.leave()
