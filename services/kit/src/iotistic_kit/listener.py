"""LISTEN on a connection of its own, and honesty about what may have been missed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import psycopg
import structlog
from psycopg import AsyncConnection, sql

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
        self._conninfo = conninfo
        self._channels = tuple(channels)
        self._on_notify, self._on_lost, self._on_ready = on_notify, on_lost, on_ready
        self._probe = probe
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
        async with contextlib.aclosing(_Closing(connection)):
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.listening = True
            await self._on_ready()
            while True:
                async for notice in connection.notifies(timeout=self._probe):
                    await self._on_notify(notice.channel, notice.payload)
                async with asyncio.timeout(self._probe):
                    await connection.execute("SELECT 1")


class _Closing:
    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._connection = connection

    async def aclose(self) -> None:
        await self._connection.close()
