"""``device.sqlite``: everything that must survive a power cut."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.identity import Identity
from iotistic_agent.adapters.store.leases import Leases
from iotistic_agent.adapters.store.local_config import LocalConfig
from iotistic_agent.adapters.store.local_overrides import LocalOverrides
from iotistic_agent.adapters.store.sync import MAX_SET_ASIDE, Sync
from iotistic_agent.adapters.store.targets import StoredTarget, Targets

__all__ = ["MAX_SET_ASIDE", "Store", "StoredTarget"]


class Store:
    """One open database by what it keeps; one thread uses it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.sync = Sync(database)
        self.identity = Identity(database, self.sync)
        self.targets = Targets(database, self.sync)
        self.leases = Leases(database, database.clock)
        self.local_overrides = LocalOverrides(database, database.clock)
        self.local_config = LocalConfig(database)

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged`` and a new one begun.
        """
        return cls(Database.open(path, now))

    def fault(self) -> str | None:
        """Return what is wrong with the file, None when it is whole."""
        return self._database.fault()

    def close(self) -> None:
        """Close the database."""
        self._database.close()
