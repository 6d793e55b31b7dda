"""The targets that a device holds: candidate, committed, previous, failed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sync import Sync

__all__ = ["StoredTarget", "Targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTarget:
    """A target as it came; ``failure`` says why it can't be applied at all."""

    etag: str
    version: int
    document: Mapping[str, Any]
    failure: str | None = None


class Targets:
    """The table ``target_state``."""

    def __init__(self, database: Database, sync: Sync) -> None:
        self._database = database
        self._sync = sync

    def wanted(self) -> StoredTarget | None:
        """Return the target to be applied: the candidate, else the committed one."""
        return self.slot("candidate") or self.slot("committed")

    def slot(self, slot: str) -> StoredTarget | None:
        """Return the target in ``candidate``, ``committed``, ``previous`` or ``failed``."""
        row = self._database.row(
            "SELECT etag, version, document, failure FROM target_state WHERE slot = ?", slot
        )
        if row is None:
            return None
        return StoredTarget(
            etag=row[0], version=row[1], document=json.loads(row[2]), failure=row[3]
        )

    def keep(self, target: StoredTarget) -> None:
        """Store a target that came, and its ETag as the one to ask with.

        It becomes the candidate; one with a failure is only remembered, and the candidate stays.
        """
        slot = "candidate" if target.failure is None else "failed"
        with self._database.transaction():
            self._database.run("DELETE FROM target_state WHERE slot = 'failed'")
            self._database.run(
                "INSERT OR REPLACE INTO target_state VALUES (?, ?, ?, ?, ?, ?)",
                slot,
                target.etag,
                target.version,
                json.dumps(target.document),
                target.failure,
                self._database.now(),
            )
            self._sync.keep_etag(target.etag)

    def commit(self, etag: str) -> bool:
        """Make the candidate the committed target, and that the previous one.

        False, and nothing is done, when the candidate's ETag is another one, or there is none.
        """
        with self._database.transaction():
            found = self._database.row(
                "SELECT 1 FROM target_state WHERE slot = 'candidate' AND etag = ?", etag
            )
            if found is None:
                return False
            self._database.run("DELETE FROM target_state WHERE slot = 'previous'")
            self._move("committed", "previous")
            self._move("candidate", "committed")
        return True

    def _move(self, slot: str, to: str) -> None:
        self._database.run("UPDATE target_state SET slot = ? WHERE slot = ?", to, slot)
