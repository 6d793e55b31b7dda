"""LISTEN on a connection of its own, and honesty about what may have been missed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from .conninfo import with_defaults

__all__ = ["Listener"]

Notified = Callable[[str, str], Awaitable[None]]
Changed = Callable[[], Awaitable[None]]
_log = structlog.get_logger("iotistic_kit.listener")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


async def _nothing() -> None:
    return


class Listener:
    """Hands each notification of ``channels`` to ``on_notify(channel, payload)``.

    ``on_ready`` is called each time it listens (again): read afresh what may have changed before.
    ``on_lost`` is called when the connection is gone: what is cached can't be trusted until
    ``on_ready``. A silent connection is probed every ``probe`` seconds. ``run`` never returns.
    """

    def __init__(  # noqa: PLR0913 -- three of them are one thing: what to call
        self,
        conninfo: str,
        channels: Sequence[str],
        on_notify: Notified,
        *,
        on_lost: Changed = _nothing,
        on_ready: Changed = _nothing,
        probe: float = 10.0,
    ) -> None:
        self._conninfo = with_defaults(conninfo, "iotistic-listener")
        self._channels = tuple(channels)
        self._on_notify, self._on_lost, self._on_ready = on_notify, on_lost, on_ready
        self._probe = probe
        self._probing: asyncio.Task[None] | None = None
        self._dropped: set[asyncio.Task[None]] = set()
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled, over any number of lost connections."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as exc:
                _log.warning("listener_lost", error=type(exc).__name__)
            if self.listening:
                pause = _FIRST_PAUSE
                self.listening = False
                await self._on_lost()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.listening = True
            await self._on_ready()
            while True:
                await self._hear(connection)
        finally:
            self._drop(connection)

    async def _hear(self, connection: AsyncConnection[Any]) -> None:
        async for notice in connection.notifies(timeout=self._probe):
            await self._on_notify(notice.channel, notice.payload)
        self._probing = asyncio.create_task(_ask(connection))
        await asyncio.wait({self._probing}, timeout=self._probe)
        if not self._probing.done():
            raise TimeoutError
        await self._probing

    def _drop(self, connection: AsyncConnection[Any]) -> None:
        """Let go at once, and close when a server that may be silent has had its time."""
        task = asyncio.create_task(_close(connection, self._probing))
        self._probing = None
        self._dropped.add(task)
        task.add_done_callback(self._dropped.discard)


async def _ask(connection: AsyncConnection[Any]) -> None:
    await connection.execute("SELECT 1")


async def _close(connection: AsyncConnection[Any], probing: asyncio.Task[None] | None) -> None:
    if probing is not None:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    await connection.close()
