"""What changed in the fleet, as this worker hears it: one window for all who look on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Change", "FleetNews", "Onlooker"]

KEPT = 4096
_DIGITS = 18  # no place has more, and int() refuses what has thousands
STUCK = 15.0
"""Who takes nothing for so long (seconds) while there is news is cut off."""


@dataclass(frozen=True, slots=True)
class Change:
    """One part of a device is other than before; `id` is that of the event that says so.

    Commits reach all workers in one order, in which ids needn't rise.
    """

    id: int
    uuid: str
    what: str


class FleetNews:
    """The last changes. Onlookers hold a place in the window, and no copy of anything."""

    def __init__(self, kept: int = KEPT) -> None:
        self._window: deque[Change] = deque(maxlen=kept)
        self._next = 0
        self._closed = False
        self._name = secrets.token_hex(4)
        self._onlookers: set[Onlooker] = set()

    def publish(self, notices: Iterable[tuple[int, str, str]]) -> None:
        """Add changes (id, uuid, what), and wake everybody."""
        for number, uuid, what in notices:
            self._window.append(Change(number, uuid, what))
            self._next += 1
        for onlooker in list(self._onlookers):
            onlooker.wake(self._oldest)

    def lost(self) -> None:
        """Forget the window: something may have been missed, so that everybody looks afresh."""
        self._window.clear()
        self._name = secrets.token_hex(4)
        for onlooker in list(self._onlookers):
            onlooker.place = -1
            onlooker.wake(self._oldest)

    def close(self) -> None:
        """End every stream, and those that come yet."""
        self._closed = True
        for onlooker in list(self._onlookers):
            onlooker.gone = True
            onlooker.wake(self._oldest)

    def recheck(self) -> None:
        """Have every stream look whether its session still lives."""
        for onlooker in list(self._onlookers):
            onlooker.wake(self._oldest)

    def look(self, last: str | None) -> Onlooker:
        """Return an onlooker who saw everything up to `last`, an id of this or another worker.

        It begins afresh when that isn't in the window any more.
        """
        place = self._next if last is None else self._after(last)
        onlooker = Onlooker(self, self._next if place is None else place, afresh=place is None)
        onlooker.gone = self._closed
        self._onlookers.add(onlooker)
        return onlooker

    def here(self) -> str:
        """Return an id for the end of the window; it means something to this worker only."""
        return f"{self._name}-{self._next}"

    def since(self, place: int) -> list[Change]:
        """Return the changes from `place` on."""
        count = self._next - place
        return [self._window[-number] for number in range(min(count, len(self._window)), 0, -1)]

    @property
    def end(self) -> int:
        """The place of the next change."""
        return self._next

    def leave(self, onlooker: Onlooker) -> None:
        """Forget an onlooker."""
        self._onlookers.discard(onlooker)

    @property
    def _oldest(self) -> int:
        return self._next - len(self._window)

    def _after(self, last: str) -> int | None:
        name, _, number = last.partition("-")
        if name == self._name and len(number) <= _DIGITS and number.isdecimal():
            place = int(number)
            return place if self._oldest <= place <= self._next else None
        for back, change in enumerate(reversed(self._window)):
            if str(change.id) == last:
                return self._next - back
        return None


@dataclass(slots=True, eq=False)
class Onlooker:
    """One stream's place; `afresh` when it missed something, having fallen out of the window.

    `task` is what writes to the client; it is cancelled when the client takes nothing any more.
    """

    news: FleetNews
    place: int
    afresh: bool
    task: asyncio.Task[object] | None = None
    gone: bool = False
    _busy_since: float | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self, seconds: float) -> list[Change]:
        """Return what came since, of each part of a device only the last; empty after `seconds`.

        An empty list also comes early when somebody wants the session checked.
        """
        self._busy_since = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
        self._busy_since = _now()
        changes = self.news.since(self.place)
        self.place = self.news.end
        newest = {(change.uuid, change.what): change for change in changes}
        return [one for one in changes if newest[one.uuid, one.what] is one]

    def wake(self, oldest: int) -> None:
        """Go on, afresh when the place is in the window no more; or end, when nobody reads."""
        if self.place < oldest:
            self.place, self.afresh = self.news.end, True
        if self._busy_since is not None and _now() - self._busy_since > STUCK:
            self.gone = True
            if self.task is not None:
                self.task.cancel()
        self._woken.set()

    def leave(self) -> None:
        """Look no more."""
        self.news.leave(self)


def _now() -> float:
    return asyncio.get_running_loop().time()
