"""How a fault is broken off: by an exception, so that what must be taken back is."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["held", "raised"]

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def raised() -> Iterator[None]:
    """Have the first SIGTERM or SIGHUP (a closed terminal) raise SystemExit, as Ctrl-C raises.

    Those after it are ignored: a shell sends SIGHUP once more than the terminal did.
    """
    before = {number: signal.signal(number, _raise) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Let these signals and Ctrl-C wait until the end: what is in here is done whole.

    By handlers and not by a mask, which another thread of the process would not have.
    """
    arrived: list[int] = []
    numbers = (*ENDING, signal.SIGINT)
    before = {
        number: signal.signal(number, lambda got, _: arrived.append(got)) for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in arrived[:1]:
            signal.raise_signal(got)


def _raise(number: int, _frame: FrameType | None) -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    raise SystemExit(128 + number)
