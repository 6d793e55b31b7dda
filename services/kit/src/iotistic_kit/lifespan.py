"""What a worker opens before its first request and closes after its last."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from .errors import StopError

__all__ = ["Lifespan", "Opened", "StartRefusedError"]

_log = structlog.get_logger("iotistic_kit.lifespan")


class StartRefusedError(StopError):
    """A part can't be opened, for a reason that one line tells: the log shows no traceback."""


class Opened(Protocol):
    """Something with a connection."""

    async def open(self) -> None:
        """Connect, or raise."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Lifespan:
    """Middleware that opens in order, runs background loops, and closes in reverse.

    A loop that ends, by itself or by an exception, is a fault: the process gets SIGTERM, so that
    whoever runs it starts it anew.
    """

    def __init__(
        self,
        opened: Sequence[Opened] = (),
        loops: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
    ) -> None:
        self._opened = tuple(opened)
        self._loops = dict(loops or {})
        self._stack = contextlib.AsyncExitStack()

    async def process_startup(self, _scope: Mapping[str, Any], _event: Mapping[str, Any]) -> None:
        """Open everything; what was opened before a failure is closed again."""
        try:
            await self._open()
        except StopError as exc:
            raise StartRefusedError(str(exc)) from None

    async def _open(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for part in self._opened:
                await part.open()
                stack.push_async_callback(part.close)
            for name, loop in self._loops.items():
                task = asyncio.create_task(_watched(name, loop), name=name)
                stack.push_async_callback(_end, task)
            self._stack = stack.pop_all()

    async def process_shutdown(self, _scope: Mapping[str, Any], _event: Mapping[str, Any]) -> None:
        """Stop the loops, then close everything."""
        await self._stack.aclose()


async def _watched(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    try:
        await loop()
        _log.error("loop_ended", loop=name)
    except asyncio.CancelledError:
        raise
    except Exception as exc:  # noqa: BLE001 -- the loop's guard
        _log.error("loop_failed", loop=name, exc_info=exc)
    os.kill(os.getpid(), signal.SIGTERM)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
