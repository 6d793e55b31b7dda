"""Listens to the engine, so that drift is repaired at once."""

import asyncio
import threading
from collections.abc import Callable

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import EngineFault
from iotistic_agent.logs import Component, log
from iotistic_agent.signals import Bell

__all__ = ["watch"]


async def watch(engine: DockerEngine, reconcile: Bell, random: Callable[[], float]) -> None:
    """Ring ``reconcile`` at each event of the device's containers, and at each reconnect."""
    backoff = CLOUD
    while True:
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        listening = _Listener(engine, asyncio.get_running_loop(), reconcile.ring, ended)
        threading.Thread(target=listening.run, name="engine-events", daemon=True).start()
        reconcile.ring()
        why = await ended
        backoff = backoff.reset() if listening.heard else backoff
        backoff = backoff.failed()
        log(Component.CONTAINERS).warning("events_interrupted", extra={"reason": why})
        await asyncio.sleep(backoff.wait(random))


class _Listener:
    """Reads the event stream in a thread of its own."""

    def __init__(
        self,
        engine: DockerEngine,
        loop: asyncio.AbstractEventLoop,
        ring: Callable[[], None],
        ended: "asyncio.Future[str]",
    ) -> None:
        self._engine = engine
        self._loop = loop
        self._ring = ring
        self._ended = ended
        self.heard = False

    def run(self) -> None:
        """Ring for each event until the stream ends, then say why."""
        why = "the engine closed the stream"
        try:
            for _ in self._engine.events():
                self.heard = True
                self._call(self._ring)
        except EngineFault as exc:
            why = str(exc)
        self._call(lambda: self._end(why))

    def _end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    def _call(self, what: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what)
