"""Who asks for no updates for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta

from iotistic_agent.adapters.store.database import Database
from iotistic_contract.codec import format_time
from iotistic_contract.planning.holds import Lease
from iotistic_contract.times import parse_time

__all__ = ["Leases"]


class Leases:
    """The table ``leases``, one row by owner."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def all(self) -> tuple[Lease, ...]:
        """Return the leases that haven't ended.

        A clock that was set back makes none last longer than it was asked for.
        """
        now = self._now()
        rows = self._database.rows("SELECT owner, reason, until, seconds FROM leases")
        leases = (
            Lease(
                owner=owner,
                reason=reason,
                until=min(parse_time(until), now + timedelta(seconds=seconds)),
            )
            for owner, reason, until, seconds in rows
        )
        return tuple(lease for lease in leases if lease.until > now)

    def hold(self, owner: str, reason: str, seconds: int) -> Lease:
        """Keep a lease, in the place of the owner's former one, for ``seconds`` from now."""
        until = self._now() + timedelta(seconds=seconds)
        self._database.run(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
            owner,
            reason,
            format_time(until),
            seconds,
        )
        return Lease(owner=owner, reason=reason, until=until)

    def release(self, owner: str) -> bool:
        """End the owner's lease; tell whether there was one."""
        return self._database.run("DELETE FROM leases WHERE owner = ?", owner) > 0
