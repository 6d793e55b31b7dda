"""Work on many items at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeVar

__all__ = ["each_in_threads"]

_Item = TypeVar("_Item")


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
