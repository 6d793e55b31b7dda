"""Values read from the database and held until somebody says that they changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from iotistic_kit.clock import Clock

__all__ = ["Held", "Listening"]

Value = TypeVar("Value")

LONGEST = 60.0


@dataclass(slots=True)
class Listening:
    """Whether commits of other workers reach this one right now."""

    now: bool = False


@dataclass(slots=True)
class Held(Generic[Value]):
    """Values by name, each of one subject (a device's uuid), for at most 60 seconds.

    Nothing is held while nobody listens; what was forgotten during a read isn't held either.
    """

    clock: Clock
    listening: Listening
    _values: dict[str, tuple[float, Value]] = field(default_factory=dict)
    _names: dict[str, set[str]] = field(default_factory=dict)
    _forgotten: int = 0

    def peek(self, name: str) -> Value | None:
        """Return the held value, None when it must be read."""
        found = self._values.get(name)
        if found is None or not self.listening.now:
            return None
        return found[1] if self.clock.steady() - found[0] < LONGEST else None

    async def get(
        self,
        name: str,
        read: Callable[[], Awaitable[Value | None]],
        subject: Callable[[Value], str],
    ) -> Value | None:
        """Return the held value or `read()`, which is then held unless it is None."""
        held = self.peek(name)
        if held is not None:
            return held
        forgotten = self._forgotten
        value = await read()
        if value is not None and forgotten == self._forgotten and self.listening.now:
            self._values[name] = (self.clock.steady(), value)
            self._names.setdefault(subject(value), set()).add(name)
        return value

    def forget(self, subjects: Iterable[str]) -> None:
        """Drop what is held of these subjects."""
        self._forgotten += 1
        for subject in subjects:
            for name in self._names.pop(subject, ()):
                self._values.pop(name, None)

    def forget_all(self) -> None:
        """Drop everything: a message may have been missed."""
        self._forgotten += 1
        self._values.clear()
        self._names.clear()
