"""``device.sqlite``: everything that must survive a power cut."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.identity import Identity
from iotistic_agent.adapters.store.leases import Leases
from iotistic_agent.adapters.store.outbox import Outbox
from iotistic_agent.adapters.store.sync import MAX_SET_ASIDE, Sync
from iotistic_agent.adapters.store.targets import StoredTarget, Targets
from iotistic_agent.adapters.store.traffic import TrafficLedger
from iotistic_agent.outgoing import Bound

__all__ = ["MAX_SET_ASIDE", "Store", "StoredTarget"]


class Store:
    """One open database by what it keeps; one thread uses it."""

    def __init__(self, database: Database, bound: Bound) -> None:
        self._database = database
        self.sync = Sync(database)
        self.identity = Identity(database, self.sync)
        self.targets = Targets(database, self.sync)
        self.outbox = Outbox(database, self.sync, bound)
        self.traffic = TrafficLedger(database)
        self.leases = Leases(database, database.clock)

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime], outbox: Bound | None = None) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged`` and a new one begun. ``outbox`` is the
        most that waits for the cloud.
        """
        return cls(Database.open(path, now), outbox or Bound())

    def close(self) -> None:
        """Close the database."""
        self._database.close()
