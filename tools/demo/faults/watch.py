"""What happens after a fault, line by line, with the seconds since it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tools.demo.api import ApiError
from tools.demo.engine import EngineError
from tools.demo.supervisor import SilentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NotRepairedError", "Watch"]

PAUSE = 0.1
PATIENCE = 180.0


class NotRepairedError(Exception):
    """What was waited for didn't happen in time."""


class Watch:
    """Tells what was done and what follows; an outage of what is asked is no end of it."""

    def __init__(
        self,
        say: Callable[[str], None] = lambda text: print(text, flush=True),
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._say = say
        self._now = now
        self._sleep = sleep
        self._began = now()

    @property
    def seconds(self) -> float:
        """Seconds since the fault."""
        return self._now() - self._began

    def did(self, text: str) -> None:
        """Tell the fault that was made just now; time is counted from here."""
        self._began = self._now()
        self.tell(text)

    def tell(self, text: str) -> None:
        """Tell something, with the time."""
        self._say(f"{self.seconds:7.1f} s  {text}")

    def until(self, text: str, seen: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until ``seen()`` is true, and tell it; a text that it returns is told as well."""
        deadline = self._now() + patience
        while True:
            found: object = None
            with suppress(ApiError, EngineError, SilentError):
                found = seen()
            if found:
                self.tell(f"{text}: {found}" if isinstance(found, str) else text)
                return
            if self._now() > deadline:
                raise NotRepairedError(f"after {patience:.0f} s still not so: {text}")
            self._sleep(PAUSE)
