"""What the device remembers of its talk with the cloud."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from iotistic_agent.adapters.store.database import Database
from iotistic_contract.codec import parse_time

__all__ = ["MAX_SET_ASIDE", "Sync"]

MAX_SET_ASIDE = 100
_AN_HOUR = timedelta(hours=1)


class Sync:
    """ETag, poll interval, time floor, streams of lanes, and what the cloud refused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def etag(self) -> str | None:
        """Return the ETag of the last answer that was stored."""
        return self.value("etag")

    def keep_etag(self, etag: str) -> None:
        """Store the ETag of an answer; without a target of its own it is that of version 0."""
        self.keep_value("etag", etag)

    def forget_etag(self) -> None:
        """Let the next poll ask for the whole target."""
        self._database.run("DELETE FROM sync WHERE name = 'etag'")

    def poll_interval(self) -> int:
        """Return the last ``X-Poll-Interval-Ms``, 0 before."""
        return int(self.value("poll_interval_ms") or 0)

    def keep_poll_interval(self, milliseconds: int) -> None:
        """Store the header's interval when it is another one."""
        if milliseconds != self.poll_interval():
            self.keep_value("poll_interval_ms", str(milliseconds))

    def time_floor(self) -> datetime | None:
        """Return the highest time that was told for sure."""
        text = self.value("time_floor")
        return None if text is None else parse_time(text)

    def keep_time_floor(self, at: datetime) -> None:
        """Store a time that was told for sure; one less than an hour later isn't worth a write."""
        held = self.time_floor()
        if held is None or at >= held + _AN_HOUR:
            self.keep_value("time_floor", self._database.text(at))

    def next_epoch(self, lane: str, new_stream: Callable[[], str]) -> tuple[str, int]:
        """Return stream and epoch of a lane; the epoch is higher than ever before."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO streams VALUES (?, ?, 1)"
                " ON CONFLICT (lane) DO UPDATE SET epoch = epoch + 1",
                lane,
                new_stream(),
            )
            row = self._database.row("SELECT stream, epoch FROM streams WHERE lane = ?", lane)
        return str(row[0]), int(row[1])

    def set_aside(self, lane: str, body: object, status: int, answer: str) -> None:
        """Keep what the cloud refused beside its answer; the newest 100 stay."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO set_aside (lane, body, status, answer, at) VALUES (?, ?, ?, ?, ?)",
                lane,
                json.dumps(body),
                status,
                answer,
                self._database.now(),
            )
            self._database.run(
                "DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?",
                MAX_SET_ASIDE,
            )

    def value(self, name: str) -> str | None:
        """Return one remembered word."""
        row = self._database.row("SELECT value FROM sync WHERE name = ?", name)
        return None if row is None else str(row[0])

    def keep_value(self, name: str, value: str) -> None:
        """Remember one word under ``name``."""
        self._database.run("INSERT OR REPLACE INTO sync VALUES (?, ?)", name, value)
