"""Waiting longer after each failure, as values."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CLOUD", "STEPS", "Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from ``first`` to ``most`` seconds; ``jitter`` is the share that chance moves."""

    first: float
    most: float
    jitter: float = 0.15
    failures: int = 0

    def failed(self) -> "Backoff":
        """Return the value after one more failure."""
        return Backoff(self.first, self.most, self.jitter, self.failures + 1)

    def reset(self) -> "Backoff":
        """Return the value after progress."""
        return Backoff(self.first, self.most, self.jitter)

    def wait(self, random: Callable[[], float]) -> float:
        """Return the seconds to wait now; ``random`` gives 0 to 1."""
        if self.failures == 0:
            return 0.0
        exact = min(self.most, self.first * 2.0 ** min(self.failures - 1, 30))
        return exact * (1 - self.jitter + 2 * self.jitter * random())


CLOUD = Backoff(first=1.0, most=60.0)
STEPS = Backoff(first=10.0, most=300.0)
