"""What a worker does first when it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["at_sigterm"]


async def at_sigterm(act: Callable[[], None]) -> None:
    """Call `act` at SIGTERM, beside what the server does then; never return.

    The server waits for requests under way: those that never end by themselves must be told.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    before = signal.getsignal(signal.SIGTERM)

    def note(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(told.set)
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, note)
    signal.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003 - as asyncio sets it
    await told.wait()
    act()
    await asyncio.Event().wait()
