"""What failed, how often, and when its next try is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from iotistic_agent.backoff import STEPS, Backoff
from iotistic_agent.faults import EngineFault
from iotistic_contract.planning.containers import World

__all__ = ["Retries", "Retry"]


@dataclass(frozen=True, slots=True)
class Retry:
    """The last failure of one thing."""

    type: str
    message: str
    backoff: Backoff
    at: datetime


class Retries:
    """Failures by kind (image, service, network, removal) and name, until they are overcome."""

    def __init__(self, now: Callable[[], datetime], random: Callable[[], float]) -> None:
        self._now = now
        self._random = random
        self._failed: dict[tuple[str, str], Retry] = {}

    def failed(self, kind: str, name: str, fault: EngineFault) -> Retry:
        """Note a failure and return when the next try is."""
        before = self._failed.get((kind, name))
        backoff = (before.backoff if before else STEPS).failed()
        at = self._now() + timedelta(seconds=backoff.wait(self._random))
        retry = Retry(fault.type, str(fault), backoff, at)
        self._failed[kind, name] = retry
        return retry

    def overcome(self, kind: str, name: str) -> None:
        """Forget the failures of one thing."""
        self._failed.pop((kind, name), None)

    def forget_all(self) -> None:
        """Begin anew: another target came."""
        self._failed.clear()

    def get(self, kind: str, name: str) -> Retry | None:
        """Return the last failure of one thing."""
        return self._failed.get((kind, name))

    def all(self) -> dict[tuple[str, str], Retry]:
        """Return all that failed and isn't overcome, by kind and name."""
        return dict(self._failed)

    def held(self, world: World) -> World:
        """Return ``world`` with what waits for its next try."""
        return replace(
            world,
            held_images=frozenset(self._waiting("image")),
            held_services=frozenset(self._waiting("service")),
            held_networks=frozenset(self._waiting("network")),
            held_removals=frozenset(self._waiting("removal")),
        )

    def next_in(self) -> float | None:
        """Return the seconds to the next try, None when nothing waits."""
        waits = [(retry.at - self._now()).total_seconds() for retry in self._failed.values()]
        return min((wait for wait in waits if wait > 0), default=None)

    def _waiting(self, kind: str) -> Iterator[str]:
        now = self._now()
        return (name for (key, name), each in self._failed.items() if key == kind and each.at > now)
