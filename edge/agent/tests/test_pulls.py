"""Pulls in the background, by a puller that does as it is told."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from iotistic_agent.faults import PullFault, PullStopped
from iotistic_agent.images.progress import PullProgress
from iotistic_agent.pulls import Pulls
from iotistic_agent.retries import Retries


class MemoryPuller:
    """Brings ``gains`` bytes and then waits, fails or is done."""

    def __init__(self) -> None:
        self.gains, self.fault = 0, None
        self.waits = False
        self.began = threading.Event()
        self.collected: list[frozenset[str]] = []
        self.collects = threading.Event()
        self.now, self.most, self._lock = 0, 0, threading.Lock()

    def pull(self, reference, stop, meter) -> None:
        meter.begin(100, 10**6)
        meter.moved(self.gains)
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.began.set()
        try:
            while self.waits:
                stop.sleep(0.01)
            if self.fault is not None:
                raise self.fault
        finally:
            with self._lock:
                self.now -= 1

    def collect(self, references) -> None:
        self.collected.append(references)
        if references == {"b"}:
            self.collects.set()


class Bench:
    def __init__(self) -> None:
        self.puller = MemoryPuller()
        self.retries = Retries(lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda: 0.5)
        self.rang = asyncio.Event()
        self.pulls = Pulls(self.puller, self.retries, self.rang.set)

    async def once(self) -> None:
        self.rang.clear()
        self.pulls.begin("a")
        await self.rang.wait()


async def test_a_pull_that_is_done_is_fresh_and_overcomes_what_failed():
    bench = Bench()
    bench.puller.fault = PullFault("no")
    await bench.once()
    assert bench.retries.get("image", "a").type == "pull"
    bench.puller.fault = None
    await bench.once()
    assert bench.retries.get("image", "a") is None
    assert (bench.pulls.fresh, bench.pulls.under_way) == ({"a"}, frozenset())


async def test_waits_double_until_a_try_brings_something():
    bench = Bench()
    bench.puller.fault = PullFault("cut")
    waits = []
    for gains in (0, 0, 0, 10**6, 0):
        bench.puller.gains = gains
        await bench.once()
        waits.append(bench.retries.next_in())
    assert waits == [10, 20, 40, 10, 20]


async def test_a_pull_that_breaks_is_tried_again_later():
    bench = Bench()
    bench.puller.fault = KeyError("Id")
    await bench.once()
    assert bench.retries.get("image", "a").message == "KeyError: 'Id'"
    assert bench.retries.next_in() == 10


async def test_progress_is_seen_and_what_nobody_wants_is_stopped():
    bench = Bench()
    bench.puller.waits, bench.puller.gains = True, 50
    bench.pulls.begin("a")
    await asyncio.to_thread(bench.puller.began.wait)
    assert bench.pulls.progress == {"a": PullProgress(150, 10**6)}
    bench.pulls.want({"a"})
    assert bench.pulls.under_way == {"a"}
    bench.pulls.want({"b"})
    await bench.rang.wait()
    assert bench.pulls.under_way == frozenset()
    assert bench.retries.get("image", "a") is None
    assert await asyncio.to_thread(bench.puller.collects.wait, 5)


@pytest.mark.parametrize("fault", [PullStopped("s"), PullFault("f"), None])
async def test_three_come_at_once_whatever_becomes_of_them(fault):
    bench = Bench()
    bench.puller.fault = fault
    bench.puller.waits = True
    for name in "abcde":
        bench.pulls.begin(name)
    while bench.puller.most < 3:
        bench.puller.began.clear()
        await asyncio.to_thread(bench.puller.began.wait, 0.1)
    bench.puller.waits = False
    while bench.pulls.under_way:
        await bench.rang.wait()
        bench.rang.clear()
    assert bench.puller.most == 3
