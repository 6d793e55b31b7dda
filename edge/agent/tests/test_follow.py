"""Following logs: cursors, containers that come and go, a disk that takes nothing."""

import asyncio
import json
import logging
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.agent.tests.test_happenings import situation
from iotistic_agent.adapters.engine_logs import LogLine
from iotistic_agent.adapters.store import Store
from iotistic_agent.faults import EngineFault
from iotistic_agent.logs import RecentLines, _JsonLines
from iotistic_agent.loops import logs as loop_module
from iotistic_agent.loops.logs import Followers, collect, follow, to_follow
from iotistic_agent.signals import Bell, Board
from iotistic_agent.spool import Spool
from iotistic_contract.lanes import Lane

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class MemoryEngine:
    """Logs of containers, which may go on."""

    def __init__(self) -> None:
        self.logs: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str | None, int | None]] = []
        self.live: set[str] = set()
        self.news = asyncio.Event()

    async def read(self, container, since, lines):
        self.asked.append((container, since, lines))
        if container not in self.logs:
            raise EngineFault("engine", "no such container")
        position = 0
        while True:
            log = self.logs[container]
            for at in log[position:]:
                if since is None or at > since:
                    yield LogLine(at, "stdout", f"{container} {at[-4:-1]}")
            position = len(log)
            if container not in self.live:
                return
            self.news.clear()
            await self.news.wait()

    def write(self, container: str, *numbers: int) -> None:
        log = self.logs.setdefault(container, [])
        log += [f"2026-01-02T00:00:00.000000{number:03}Z" for number in numbers]
        self.news.set()


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
async def run(store, monkeypatch):
    """A function that starts both loops with an engine; it gives a function that stops them."""
    monkeypatch.setattr(loop_module, "GATHER_SECONDS", 0)
    tasks: list[asyncio.Task] = []

    def start(engine, board, bell=None, *, enabled=lambda: True, recent=None):
        queue = asyncio.Queue(10)
        followers = Followers(queue, engine.read, store.outbox)
        spool = Spool(store.outbox, Bell(), lambda: NOW, lambda: "s")
        tasks.extend(
            asyncio.create_task(loop)
            for loop in (
                follow(followers, board, bell or Bell(), enabled),
                collect(queue, recent or RecentLines(), spool, enabled),
            )
        )

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tasks.clear()

    start.stop = stop
    yield start
    await stop()


def messages(store) -> list[str]:
    lines = (json.loads(each.text) for each in store.outbox.batch(Lane.LOGS, 10_000, 10**7))
    return [line["message"] for line in lines]


async def until(holds) -> None:
    async with asyncio.timeout(8):
        while not holds():
            await asyncio.to_thread(lambda: None)


def shown(board, container="c1", state="running"):
    world = situation(state).world
    (found,) = world.containers
    board.post(situation(world=replace(world, containers=(replace(found, id=container),))))


async def test_a_log_is_read_once_over_restarts_of_the_agent(store, run):
    engine, board = MemoryEngine(), Board()
    engine.live.add("c1")
    engine.write("c1", 1, 2)
    shown(board)
    run(engine, board)
    await until(lambda: len(messages(store)) == 2)
    await run.stop()
    engine.write("c1", 3)
    run(engine, board)
    await until(lambda: len(messages(store)) == 3)
    engine.write("c1", 4)
    await until(lambda: len(messages(store)) == 4)
    assert messages(store) == ["c1 001", "c1 002", "c1 003", "c1 004"]
    assert engine.asked == [
        ("c1", None, loop_module.FIRST_LINES),
        ("c1", "2026-01-02T00:00:00.000000002Z", None),
    ]


async def test_the_next_container_of_a_service_goes_on_where_the_last_ended(store, run):
    engine, board, bell = MemoryEngine(), Board(), Bell()
    board.tell(bell.ring)
    engine.write("c1", 1)
    engine.write("c2", 2)
    shown(board, "c1", "exited")
    run(engine, board, bell)
    await until(lambda: messages(store) == ["c1 001"])
    shown(board, "c2", "exited")
    await until(lambda: messages(store) == ["c1 001", "c2 002"])
    assert [container for container, *_ in engine.asked] == ["c1", "c2"]


async def test_what_ended_is_read_once_and_again_when_it_lives(store, run):
    engine, board, bell = MemoryEngine(), Board(), Bell()
    engine.write("c1", 1)
    shown(board, "c1", "exited")
    run(engine, board, bell)
    await until(lambda: messages(store) == ["c1 001"])
    bell.ring()
    await until(lambda: not bell._event.is_set())
    assert len(engine.asked) == 1
    engine.write("c1", 2)
    shown(board, "c1", "running")
    bell.ring()
    await until(lambda: messages(store) == ["c1 001", "c1 002"])


async def test_nothing_is_followed_unless_it_is_enabled(store, run):
    engine, board, bell, on = MemoryEngine(), Board(), Bell(), []
    engine.write("c1", 1)
    shown(board)
    run(engine, board, bell, enabled=lambda: bool(on))
    bell.ring()
    await until(lambda: not bell._event.is_set())
    assert engine.asked == []
    on.append(1)
    bell.ring()
    await until(lambda: messages(store) == ["c1 001"])


async def test_an_engine_that_does_not_tell_is_left_alone_a_while(store, run):
    engine, board, bell = MemoryEngine(), Board(), Bell()
    shown(board)
    run(engine, board, bell)
    await until(lambda: len(engine.asked) == 1)
    bell.ring()
    await until(lambda: not bell._event.is_set())
    assert len(engine.asked) == 1


async def test_a_disk_that_takes_nothing_loses_nothing(store, run):
    engine, board = MemoryEngine(), Board()
    engine.live.add("c1")
    engine.write("c1", *range(100, 150))
    shown(board)
    tries = []

    def full(action, *_):
        if action == sqlite3.SQLITE_INSERT:
            tries.append(1)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    connection = store._database._connection
    connection.set_authorizer(full)
    run(engine, board)
    await until(lambda: len(tries) > 2)
    connection.set_authorizer(None)
    await until(lambda: len(messages(store)) == 50)
    assert messages(store) == [f"c1 {number}" for number in range(100, 150)]
    assert store.outbox.lost("dropped") == {}


async def test_cursors_of_services_that_are_gone_are_forgotten(store, run):
    store.outbox.add(Lane.LOGS, [], str, {"old": "2026-01-02T00:00:00.1Z"})
    engine, board = MemoryEngine(), Board()
    engine.write("c1", 1)
    shown(board)
    run(engine, board)
    await until(lambda: store.outbox.cursors().keys() == {"1"})


async def test_the_agents_own_lines_go_along(store, run, monkeypatch):
    monkeypatch.setattr(loop_module, "IDLE_SECONDS", 0)
    recent = RecentLines()
    recent.setFormatter(_JsonLines())
    run(MemoryEngine(), Board(), recent=recent)
    await asyncio.sleep(0)
    record = logging.makeLogRecord(
        {"name": "iotistic_agent.mqtt", "msg": "broker_lost", "levelname": "INFO", "reason": "x"}
    )
    recent.handle(record)
    await until(lambda: messages(store) == ["broker_lost reason=x"])


def test_what_is_followed():
    assert to_follow(situation()) == {"1": ("c1", True)}
    assert to_follow(situation("exited")) == {"1": ("c1", False)}
    assert to_follow(situation("created")) == {}
    assert to_follow(situation(choice=None)) == {}
