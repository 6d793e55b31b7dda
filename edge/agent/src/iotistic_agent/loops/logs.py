"""Follows the logs of the device's containers, and stores them with those of the agent."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from iotistic_agent.adapters.engine_logs import LogLine
from iotistic_agent.adapters.store.outbox import Outbox
from iotistic_agent.faults import EngineFault
from iotistic_agent.loglines import Flow, agent_line, is_timed, service_lines
from iotistic_agent.logs import Component, RecentLines, log
from iotistic_agent.outgoing import OutgoingLine
from iotistic_agent.signals import Bell, Board, Situation
from iotistic_agent.spool import Spool
from iotistic_contract.lanes import Lane
from iotistic_contract.planning.containers import EngineState, own_container

__all__ = ["WAITING_LINES", "Followers", "Queue", "Read", "collect", "follow", "to_follow"]

Read = Callable[[str, str | None, int | None], AsyncGenerator[LogLine, None]]
"""``read(container, since, lines)`` follows a container's log."""
Queue = asyncio.Queue[tuple[str, str, list[OutgoingLine]]]

FIRST_LINES = 1000
WAITING_LINES = 1000
GATHER_SECONDS, IDLE_SECONDS = 1.0, 5.0
LOOK_AGAIN, REST_SECONDS = 30.0, 30.0
_ALIVE = (EngineState.RUNNING, EngineState.PAUSED, EngineState.RESTARTING)


async def follow(
    followers: "Followers", board: Board, bell: Bell, enabled: Callable[[], bool]
) -> None:
    """Keep one follower for each container of the target; none while that isn't enabled."""
    try:
        while True:
            situation = board.situation
            wanted = {} if situation is None or not enabled() else to_follow(situation)
            followers.keep(wanted)
            if situation is not None and situation.target is not None:
                followers.forget(each.service_id for each in situation.target.containers)
            await bell.wait(LOOK_AGAIN)
    finally:
        followers.keep({})


async def collect(
    queue: Queue, recent: RecentLines, spool: Spool, enabled: Callable[[], bool]
) -> None:
    """Store what followers read and the agent logs, many lines at once.

    While the disk takes nothing the lines stay here, and followers wait.
    """
    lines: list[OutgoingLine] = []
    cursors: dict[str, str] = {}
    seen, _ = recent.after(0)
    while True:
        if not cursors:
            await _some(queue, lines, cursors)
        await asyncio.sleep(GATHER_SECONDS)
        while not queue.empty() and len(lines) < WAITING_LINES:
            _take(queue.get_nowait(), lines, cursors)
        if len(lines) < WAITING_LINES:
            seen, own = recent.after(seen)
            lines += filter(None, map(agent_line, own if enabled() else ()))
        if (lines or cursors) and spool.put(Lane.LOGS, lines, cursors):
            lines, cursors = [], {}


def to_follow(situation: Situation) -> dict[str, tuple[str, bool]]:
    """Return the container of each service that has written or may write, and whether it lives."""
    found: dict[str, tuple[str, bool]] = {}
    for wanted in situation.target.containers if situation.target else ():
        container = own_container(situation.world, wanted)
        if container is not None and container.state is not EngineState.CREATED:
            found[wanted.service_id] = (container.id, container.state in _ALIVE)
    return found


class Followers:
    """A task for each log that is read, and how far each was."""

    def __init__(self, queue: Queue, read: Read, outbox: Outbox) -> None:
        self._queue = queue
        self._read = read
        self._outbox = outbox
        self._since = outbox.cursors()
        self._flows: dict[str, Flow] = {}
        self._tasks: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._ended: set[str] = set()
        self._rests: dict[str, float] = {}

    def keep(self, wanted: dict[str, tuple[str, bool]]) -> None:
        """Follow exactly these: container and whether it lives, by service.

        One that doesn't live is read to its end once.
        """
        for service, (container, task) in tuple(self._tasks.items()):
            if task.done() or wanted.get(service, ("", False))[0] != container:
                task.cancel()
                del self._tasks[service]
        for service, (container, alive) in wanted.items():
            resting = self._rests.get(container, 0.0) > time.monotonic()
            if service in self._tasks or resting or (not alive and container in self._ended):
                continue
            name = f"logs of {service}"
            task = asyncio.create_task(self._follow(service, container), name=name)
            self._tasks[service] = (container, task)
        here = {container for container, _ in wanted.values()}
        self._ended &= here
        self._rests = {each: until for each, until in self._rests.items() if each in here}

    def forget(self, services: Iterable[str]) -> None:
        """Forget how far the logs of all other services were read."""
        gone = self._since.keys() - set(services)
        if gone:
            self._outbox.forget_cursors(gone)
        for service in gone:
            del self._since[service]
            self._flows.pop(service, None)

    async def _follow(self, service: str, container: str) -> None:
        since = self._since.get(service)
        reading = self._read(container, since, FIRST_LINES if since is None else None)
        try:
            async with aclosing(reading) as lines:
                async for line in lines:
                    if not is_timed(line):
                        continue
                    flow = self._flows.get(service, Flow())
                    found, self._flows[service] = service_lines(service, line, flow)
                    await self._queue.put((service, line.at, found))
                    self._since[service] = line.at
        except EngineFault as exc:
            self._rests[container] = time.monotonic() + REST_SECONDS
            log(Component.CONTAINERS).debug("log_interrupted", extra={"reason": str(exc)})
        else:
            self._ended.add(container)


async def _some(queue: Queue, lines: list[OutgoingLine], cursors: dict[str, str]) -> None:
    """Wait for something in the queue, a while."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            _take(await queue.get(), lines, cursors)
    except TimeoutError:
        return


def _take(
    item: tuple[str, str, list[OutgoingLine]], lines: list[OutgoingLine], cursors: dict[str, str]
) -> None:
    service, cursors[service], found = item[0], item[1], item[2]
    lines += found
