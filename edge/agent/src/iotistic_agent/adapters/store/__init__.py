"""``device.sqlite``: everything that must survive a power cut."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from iotistic_agent.adapters.store.copy import SecondCopy
from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.identity import Identity
from iotistic_agent.adapters.store.leases import Leases
from iotistic_agent.adapters.store.local_config import LocalConfig
from iotistic_agent.adapters.store.local_overrides import LocalOverrides
from iotistic_agent.adapters.store.orders import Orders
from iotistic_agent.adapters.store.outbox import Outbox
from iotistic_agent.adapters.store.renewals import Renewals
from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_agent.adapters.store.sync import MAX_SET_ASIDE, Sync
from iotistic_agent.adapters.store.targets import StoredTarget, Targets
from iotistic_agent.adapters.store.traffic import TrafficLedger
from iotistic_agent.faults import StoreFault
from iotistic_agent.outgoing import Bound

__all__ = ["MAX_SET_ASIDE", "Store", "StoredTarget"]


class Store:
    """One open database by what it keeps; one thread uses it."""

    def __init__(self, database: Database, sealer: Sealer, bound: Bound) -> None:
        self._database = database
        self.sync = Sync(database)
        self.identity = Identity(database, self.sync, sealer)
        self.renewals = Renewals(database, sealer)
        self.targets = Targets(database, self.sync)
        self.outbox = Outbox(database, self.sync, bound)
        self.traffic = TrafficLedger(database)
        self.leases = Leases(database, database.clock)
        self.local_overrides = LocalOverrides(database, database.clock)
        self.local_config = LocalConfig(database)
        self.orders = Orders(database)

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime], outbox: Bound | None = None) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged``; a new one begins with the second copy.
        Secrets are sealed with ``keys/state-key`` beside it. ``outbox`` is the most that waits for
        the cloud.
        """
        database, keys = Database.open(path, now), path.with_name("keys")
        try:
            sealer = Sealer(keys / "state-key")
            copy = SecondCopy(path.with_name("device.copy"), keys, sealer)
            if database.row("SELECT 1 FROM device") is None:
                copy.restore(database)
        except OSError as exc:
            database.close()
            raise StoreFault(f"can't keep state in {path.parent}: {exc}") from None
        store = cls(database, sealer, outbox or Bound())
        store.identity.seal_all()
        database.after_each_change(partial(copy.follow, database))
        return store

    @property
    def rebuilt(self) -> bool:
        """Whether this is a new database in the place of a damaged one."""
        return self._database.rebuilt

    def fault(self) -> str | None:
        """Return what is wrong with the file, None when it is whole."""
        return self._database.fault()

    def close(self) -> None:
        """Close the database."""
        self._database.close()
