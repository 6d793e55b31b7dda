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
    """A target as it came; ``failure`` says why it can't be applied, or wasn't kept.

    ``failure_type`` is the report's word for that.
    """

    etag: str
    version: int
    document: Mapping[str, Any]
    failure: str | None = None
    failure_type: str = "invalid"

    @property
    def was_given_up(self) -> bool:
        """Whether it was tried, and left for the last committed one."""
        return self.failure is not None and self.failure_type != "invalid"


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
            "SELECT etag, version, document, failure, coalesce(type, 'invalid')"
            " FROM target_state LEFT JOIN given_up USING (etag) WHERE slot = ?",
            slot,
        )
        if row is None:
            return None
        return StoredTarget(
            etag=row[0],
            version=row[1],
            document=json.loads(row[2]),
            failure=row[3],
            failure_type=row[4],
        )

    def is_known(self, etag: str) -> bool:
        """Tell whether the target is committed already, or was given up: it isn't tried again."""
        row = self._database.row(
            "SELECT 1 FROM target_state WHERE etag = ? AND slot IN ('committed', 'failed')"
            " AND NOT EXISTS (SELECT 1 FROM target_state WHERE slot = 'candidate')",
            etag,
        )
        return row is not None

    def keep(self, target: StoredTarget) -> None:
        """Store a target that came, and its ETag as the one to ask with.

        It becomes the candidate; one with a failure is only remembered, and the candidate stays.
        """
        slot = "candidate" if target.failure is None else "failed"
        with self._database.transaction():
            self._drop("failed")
            self._database.run(
                "INSERT OR REPLACE INTO target_state VALUES (?, ?, ?, ?, ?, ?)",
                slot,
                target.etag,
                target.version,
                json.dumps(target.document),
                target.failure,
                self._database.now(),
            )
            self._forget_others()
            self._sync.keep_etag(target.etag)

    def commit(self, etag: str, images: Mapping[str, str]) -> bool:
        """Make the candidate the committed target, and that the previous one.

        ``images`` maps its references to the ids that it ran with: tags may move. False, and
        nothing is done, when the candidate's ETag is another one, or there is none.
        """
        with self._database.transaction():
            if not self._is_candidate(etag):
                return False
            self._drop("previous")
            self._move("committed", "previous")
            self._move("candidate", "committed")
            self._forget_trial(etag)
            for reference, image_id in images.items():
                self._database.run(
                    "INSERT OR REPLACE INTO release_images VALUES (?, ?, ?)",
                    etag,
                    reference,
                    image_id,
                )
            self._forget_others()
        return True

    def give_up(self, etag: str, type_: str, message: str) -> bool:
        """Remember the candidate as failed; the committed target is the wanted one again.

        False, and nothing is done, when the candidate's ETag is another one, or there is none.
        """
        with self._database.transaction():
            if not self._is_candidate(etag):
                return False
            self._drop("failed")
            self._move("candidate", "failed")
            self._forget_trial(etag)
            self._database.run("UPDATE target_state SET failure = ? WHERE slot = 'failed'", message)
            self._database.run("INSERT OR REPLACE INTO given_up VALUES (?, ?)", etag, type_)
            self._forget_others()
        return True

    def images(self, etag: str) -> dict[str, str]:
        """Return the image ids by reference that a committed target ran with."""
        rows = self._database.rows(
            "SELECT reference, imageId FROM release_images WHERE etag = ?", etag
        )
        return {str(reference): str(image_id) for reference, image_id in rows}

    def boots(self, etag: str) -> int:
        """Return how often the agent was started since the candidate's first step."""
        row = self._database.row("SELECT boots FROM trials WHERE etag = ?", etag)
        return 0 if row is None else int(row[0])

    def has_begun(self, etag: str) -> bool:
        """Tell whether a step of the candidate was done."""
        return self._database.row("SELECT 1 FROM trials WHERE etag = ?", etag) is not None

    def begin_trial(self, etag: str) -> None:
        """Note that the candidate's first step is about to be done; again is fine."""
        self._database.run("INSERT OR IGNORE INTO trials VALUES (?, 0)", etag)

    def count_boot(self) -> None:
        """Note that the agent was started, in the middle of a trial or not."""
        self._database.run("UPDATE trials SET boots = boots + 1")

    def _is_candidate(self, etag: str) -> bool:
        query = "SELECT 1 FROM target_state WHERE slot = 'candidate' AND etag = ?"
        return self._database.row(query, etag) is not None

    def _forget_trial(self, etag: str) -> None:
        """Let a target that comes again, from a cloud that was restored, be tried as a new one."""
        self._database.run("DELETE FROM trials WHERE etag = ?", etag)

    def _drop(self, slot: str) -> None:
        self._database.run("DELETE FROM target_state WHERE slot = ?", slot)

    def _forget_others(self) -> None:
        """Forget what was noted of targets that are in no slot any more."""
        for table in ("release_images", "given_up", "trials"):
            self._database.run(
                f"DELETE FROM {table} WHERE etag NOT IN (SELECT etag FROM target_state)"  # noqa: S608 -- our own names
            )

    def _move(self, slot: str, to: str) -> None:
        self._database.run("UPDATE target_state SET slot = ? WHERE slot = ?", to, slot)
