"""Server-sent events of two workers over one database."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor

from iotistic_tenant_api.live import fleet
from iotistic_tenant_api.live.fleet import FleetNews
from iotistic_tenant_api.resources import streams
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.testing import said, spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that are left are noticed at their next heartbeat."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.2)


@dataclass
class Said:
    """One event of a stream."""

    event: str = ""
    id: str = ""
    data: Any = None


@dataclass
class Ear:
    """Reads one stream."""

    stream: Any
    text: str = ""
    comments: int = 0
    last: str | None = None
    found: list[Said] = field(default_factory=list)

    async def next(self, *words: str) -> Said:
        """Return the next event, of these words when any are given."""
        async with asyncio.timeout(20):
            while True:
                while self.found:
                    one = self.found.pop(0)
                    self.last = one.id or self.last
                    if not words or one.event in words:
                        return one
                await self._read()

    async def _read(self) -> None:
        self.text += (await self.stream.stream.read()).decode()
        *whole, self.text = self.text.split("\n\n")
        for block in whole:
            one = Said()
            for line in block.splitlines():
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments += 1
                elif name == "data":
                    one.data = json.loads(value)
                elif name in {"event", "id"}:
                    setattr(one, name, value)
            if one.event:
                self.found.append(one)


@asynccontextmanager
async def listening(
    conductor: Any, token: str, last: str | None = None, **more: str
) -> AsyncIterator[Ear]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
    async with conductor.simulate_get_stream("/api/v1/stream", headers=headers | more) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"
        ear = Ear(stream)
        if last is None:
            assert (await ear.next()).event == "hello"
        yield ear


@pytest.fixture
async def other(api: Any, conninfo: str) -> AsyncIterator[Any]:
    """Another worker of the same deployment."""
    settings = api.files.settings(
        conninfo, iotistic_license_key=api.worker.settings.iotistic_license_key
    )
    worker = Worker(settings, api.clock)
    async with ASGIConductor(worker.app()) as conductor:
        second = type(api)(conductor, worker, api.clock, api.files)
        await api.heard()
        await second.heard()
        yield second


async def test_both_workers_tell_what_either_committed(api: Any, other: Any) -> None:
    device = await api.registered()
    await other.heard()
    async with (
        listening(api.conductor, api.token()) as one,
        listening(other.conductor, api.token()) as two,
    ):
        await api.write(device, spec("a"))
        for ear in (one, two):
            heard = await ear.next("device")
            assert heard.data == {"uuid": device.uuid, "what": "target"}
            assert (await ear.next()).event == "overview"
        report = {"schema": 1, "stream": "s", "epoch": 1, "sequence": 1, "status": "applied",
                  "at": "2026-11-24T10:00:00.000Z"}  # fmt: skip
        await other.ask("PATCH", "/api/v1/device/state", report, headers=device.headers)
        for ear in (one, two):
            assert (await ear.next("device")).data["what"] == "state"
        await other.call("DELETE", f"/api/v1/devices/{device.uuid}")
        ids = set()
        for ear in (one, two):
            heard = await ear.next("device")
            assert heard.data == {"uuid": device.uuid, "what": "removed"}
            ids.add(heard.id)
        assert len(ids) == 1, "an id is the same everywhere"
    events = (await api.call("GET", "/api/v1/events")).json["items"]
    assert ids == {str(events[0]["id"])}


async def test_a_stream_goes_on_at_another_worker(api: Any, other: Any) -> None:
    first, second, third = [await api.registered() for _ in range(3)]
    await other.heard()
    async with listening(api.conductor, api.token()) as ear:
        await api.write(first, spec("a"))
        last = (await ear.next("device")).id
    await api.write(second, spec("a"))
    await api.write(third, spec("a"))
    await other.heard()
    for conductor in (other.conductor, api.conductor):
        async with listening(conductor, api.token(), last) as ear:
            assert (await ear.next()).event == "hello"
            heard = [(await ear.next("device", "resync")).data["uuid"] for _ in range(2)]
            assert heard == [second.uuid, third.uuid]


async def test_the_first_id_is_a_place_too(api: Any, other: Any) -> None:
    device = await api.registered()
    await api.heard()
    async with listening(api.conductor, api.token()) as ear:
        hello = ear.last
    await api.write(device, spec("a"))
    async with listening(api.conductor, api.token(), hello) as ear:
        await ear.next("hello")
        assert (await ear.next()).data == {"uuid": device.uuid, "what": "target"}
    async with listening(other.conductor, api.token(), hello) as ear:
        await ear.next("hello")
        assert (await ear.next()).event == "resync", "it means nothing to another worker"


@pytest.mark.parametrize("last", ["1", "nonsense", "a-b", "0-99999999", "9" * 400])
async def test_what_isnt_in_the_window_is_a_resync(api: Any, last: str) -> None:
    async with listening(api.conductor, api.token(), last) as ear:
        await ear.next("hello")
        assert (await ear.next()).event == "resync"


async def test_a_lost_listener_is_a_resync(api: Any) -> None:
    await api.heard()
    async with listening(api.conductor, api.token()) as ear:
        await api.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
        )
        assert (await ear.next()).event == "resync"


async def test_no_database_connection_per_stream(api: Any) -> None:
    async def connections() -> int:
        rows = await api.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        )
        return int(rows[0][0])

    before = await connections()
    ears = [listening(api.conductor, api.token()) for _ in range(20)]
    opened = [await ear.__aenter__() for ear in ears]
    assert await connections() < before + len(opened) // 4, "the pool may grow, not by streams"
    device = await api.registered()
    for ear in opened:
        assert (await ear.next("device")).data["uuid"] == device.uuid
    for ear in ears:
        await ear.__aexit__(None, None, None)


async def test_many_changes_of_one_device_are_told_once(api: Any) -> None:
    device = await api.registered()
    news: FleetNews = api.worker.news.fleet
    await api.heard()
    async with listening(api.conductor, api.token()) as ear:
        news.publish([(1000 + number, device.uuid, "state") for number in range(50)])
        assert (await ear.next()).id == "1049"
        assert (await ear.next()).event == "overview"


async def test_heartbeats(api: Any) -> None:
    await api.heard()
    async with listening(api.conductor, api.token()) as ear:
        async with asyncio.timeout(10):
            while ear.comments < 3:
                await ear._read()
        assert ear.found == []


async def test_a_stream_ends_with_its_credentials(api: Any) -> None:
    async with listening(api.conductor, api.token()) as ear:
        api.clock.advance(timedelta(minutes=12))
        async with asyncio.timeout(10):
            while await ear.stream.stream.read() != b"":
                pass


async def test_no_more_streams_than_allowed_over_all_workers(
    api: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_OF_A_SERVICE", 2)
    headers = {"Authorization": f"Bearer {api.token()}"}
    async with (
        listening(api.conductor, api.token()),
        listening(other.conductor, api.token()),
    ):
        for one in (api, other):
            refused = await one.ask("GET", "/api/v1/stream", headers=headers)
            assert said(refused) == (429, "too_many_streams")
    async with asyncio.timeout(10):
        while await api.rows("SELECT 1 FROM open_streams"):  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(0.05)
    async with listening(api.conductor, api.token()):
        api.clock.advance(timedelta(seconds=10))
    await api.rows(
        "INSERT INTO open_streams SELECT gen_random_uuid(), 'service:admin', %s"
        " FROM generate_series(1, 2) RETURNING 1",
        api.clock.now() - timedelta(seconds=46),
    )
    async with listening(api.conductor, api.token()):
        pass  # those two died with their worker


class TestWindow:
    """The window by itself."""

    async def test_who_reads_too_slowly_is_dropped_and_nothing_is_buffered_for_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fleet, "STUCK", 0.2)
        news = FleetNews(kept=10)
        onlooker = news.look(None)
        news.publish([(number, f"{number}", "state") for number in range(10)])
        assert len(await onlooker.next(0.01)) == 10
        onlooker.task = asyncio.create_task(asyncio.sleep(60))  # writes, and nobody reads
        news.publish([(number, f"{number}", "state") for number in range(10, 1000)])
        assert len(news._window) == 10
        assert (onlooker.afresh, onlooker.gone) == (True, False)
        await asyncio.sleep(0.25)
        news.publish([(1000, "u", "state")])
        assert onlooker.gone
        with pytest.raises(asyncio.CancelledError):
            await onlooker.task

    async def test_a_burst_is_one_resync_for_who_reads(self) -> None:
        news = FleetNews(kept=10)
        onlooker = news.look(None)
        news.publish([(number, f"{number}", "state") for number in range(100)])
        assert (await onlooker.next(0.01), onlooker.afresh) == ([], True)
        onlooker.afresh = False
        news.publish([(100, "u", "state")])
        assert [one.id for one in await onlooker.next(0.01)] == [100]
        assert not onlooker.afresh

    async def test_ids_neednt_rise(self) -> None:
        news = FleetNews(kept=4)
        news.publish([(7, "a", "state"), (5, "b", "state"), (9, "c", "state")])
        onlooker = news.look("5")
        assert [one.id for one in await onlooker.next(0.01)] == [9]
        assert [one.id for one in await news.look("7").next(0.01)] == [5, 9]
        assert news.look("6").afresh

    @pytest.mark.parametrize("number", ["9" * 5000, "9" * 18, "", "-1", "x"])
    async def test_a_place_that_cant_be_is_unknown(self, number: str) -> None:
        news = FleetNews()
        name = news.here().partition("-")[0]
        assert news.look(f"{name}-{number}").afresh
        assert not news.look(news.here()).afresh
