"""How it stands with the cloud, as all loops see it."""

from collections.abc import Callable

from iotistic_agent.logs import Component, log

__all__ = ["Link"]

DEGRADED_AFTER, OFFLINE_AFTER = 2, 3


class Link:
    """Counts calls that failed one after another, and knows whether the broker tells of changes.

    ``latency_ms`` is the round trip of the last poll, None when it failed.
    """

    def __init__(self) -> None:
        self._failures = 0
        self.state = "online"
        self.subscribed = False
        self.latency_ms: float | None = None
        self._readers: list[Callable[[str, str | None], None]] = []

    def tell(self, reader: Callable[[str, str | None], None]) -> None:
        """Call ``reader`` with each new state, and with the reason of a bad one."""
        self._readers.append(reader)

    def succeeded(self) -> None:
        """Note a call that was answered."""
        self._failures = 0
        self._become("online", None)

    def failed(self, why: str) -> None:
        """Note a call that wasn't."""
        self._failures += 1
        if self._failures >= OFFLINE_AFTER:
            self._become("offline", why)
        elif self._failures >= DEGRADED_AFTER:
            self._become("degraded", why)

    def _become(self, state: str, why: str | None) -> None:
        if state != self.state:
            self.state = state
            log(Component.SYNC).info(f"connection_{state}", extra={"reason": why} if why else {})
            for reader in self._readers:
                reader(state, why)
