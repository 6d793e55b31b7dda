"""How loops wake each other, and what they show each other."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iotistic_agent.adapters.store import StoredTarget
from iotistic_agent.choice import Choice
from iotistic_agent.retries import Retry
from iotistic_contract.planning.containers import Target, WantedContainer, World
from iotistic_contract.planning.release import Commit, GiveUp, Wait

__all__ = ["Bell", "Bells", "Board", "Situation"]


class Bell:
    """Rung by many, heard by one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who listens, or let its next wait end at once."""
        self._event.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait until it rings (True), at most ``seconds``; earlier rings count once."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


@dataclass(frozen=True, slots=True)
class Bells:
    """One for each loop that others wake."""

    reconcile: Bell = field(default_factory=Bell)
    poll: Bell = field(default_factory=Bell)
    report: Bell = field(default_factory=Bell)
    lanes: Bell = field(default_factory=Bell)
    logs: Bell = field(default_factory=Bell)
    renew: Bell = field(default_factory=Bell)
    orders: Bell = field(default_factory=Bell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One look at the device: what is wanted, what there is, and what went wrong."""

    choice: Choice | None = None
    applied_version: int | None = None
    failed: StoredTarget | None = None
    world: World = field(default_factory=World)
    pulling: frozenset[str] = frozenset()
    retries: Mapping[tuple[str, str], Retry] = field(default_factory=dict)
    engine_fault: str | None = None
    verdict: Wait | Commit | GiveUp = field(default_factory=Wait, compare=False)

    @property
    def target(self) -> Target | None:
        """The containers that are wanted now."""
        return None if self.choice is None else self.choice.target

    @property
    def services(self) -> tuple[WantedContainer, ...]:
        """All services that the target has, those that are being purged too."""
        if self.choice is None:
            return ()
        return (*self.choice.target.containers, *self.choice.purged)

    @property
    def policy_hash(self) -> str | None:
        """The hash of the policy that was asked."""
        return None if self.choice is None else self.choice.policy_hash


class Board:
    """The newest situation; whoever posts another one calls those who read.

    ``posted_at`` is when the last one came, on the clock that never goes back.
    """

    def __init__(self) -> None:
        self.situation: Situation | None = None
        self.posted_at: float | None = None
        self._readers: list[Callable[[], None]] = []

    def age(self) -> float | None:
        """Return the seconds since the last one came, None before the first."""
        return None if self.posted_at is None else time.monotonic() - self.posted_at

    def tell(self, reader: Callable[[], None]) -> None:
        """Call ``reader`` at each new situation."""
        self._readers.append(reader)

    def post(self, situation: Situation) -> None:
        """Show ``situation``."""
        self.posted_at = time.monotonic()
        if situation != self.situation:
            self.situation = situation
            for reader in self._readers:
                reader()
