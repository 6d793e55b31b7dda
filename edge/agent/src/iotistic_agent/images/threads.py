"""Threads that nobody waits for at the agent's end: one may hang in a look-up of a name."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeVar

__all__ = ["each_in_threads", "in_thread"]

_Item = TypeVar("_Item")


async def in_thread(work: Callable[[], None]) -> None:
    """Do ``work`` in a thread of its own; raises what it raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(fault: BaseException | None) -> None:
        if done.cancelled():
            return
        if fault is None:
            done.set_result(None)
        else:
            done.set_exception(fault)

    def run() -> None:
        fault = _fault_of(work)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, fault)

    threading.Thread(target=run, name="pull", daemon=True).start()
    await done


def each_in_threads(work: Callable[[_Item], None], items: Iterable[_Item], most: int) -> None:
    """Call ``work`` for each item, in up to ``most`` threads; a fault begins no further item."""
    waiting = deque(items)
    faults: list[BaseException] = []

    def run() -> None:
        while waiting and not faults:
            with suppress(IndexError):
                item = waiting.popleft()
                if (fault := _fault_of(partial(work, item))) is not None:
                    faults.append(fault)

    threads = [
        threading.Thread(target=run, name="blob", daemon=True)
        for _ in range(min(most, len(waiting)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _fault_of(work: Callable[[], None]) -> BaseException | None:
    """Return what ``work`` raised, to be raised by the thread that waits for it."""
    try:
        work()
    except BaseException as exc:  # noqa: BLE001 -- raised again where it is waited for
        return exc
    return None
