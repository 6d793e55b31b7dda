"""`index.sqlite` beside a CA: every serial it ever gave, what was revoked, the CRL's number."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from .errors import AuthorityMissing

__all__ = ["Entry", "Index", "Revoked"]

_SCHEMA = """
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, common_name TEXT NOT NULL, profile TEXT NOT NULL, identity TEXT,
    not_after INTEGER NOT NULL, certificate BLOB NOT NULL, revoked_at INTEGER, reason TEXT
) WITHOUT ROWID;
CREATE INDEX revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE TABLE crl (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
INSERT INTO crl VALUES (1, 0);
"""
_INSERT = "INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)"
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One issued certificate; `serial` is 32 lower-case hex digits."""

    serial: str
    common_name: str
    profile: str
    identity: str | None
    not_after: datetime
    certificate: bytes
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """One line of the CRL."""

    serial: str
    at: datetime
    reason: str


class Index:
    """The registry of one CA, safe over threads of one and over several processes.

    Each method is one transaction, synced to disk before it returns.
    """

    def __init__(self, path: Path) -> None:
        """Open the index that is there; AuthorityMissing when it isn't, or can't be read.

        (An index made anew would forget what was revoked.)
        """
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw",
                uri=True,
                timeout=_WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("SELECT number FROM crl")
        except sqlite3.Error as error:
            raise AuthorityMissing("index", f"can't read {path}: {error}") from None

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty index, mode 0600, and open it."""
        path.touch(0o600, exist_ok=False)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)
        connection.close()
        return cls(path)

    def close(self) -> None:
        """Give the file back; the write-ahead log is merged into it."""
        self._connection.close()

    def add(self, entry: Entry) -> bool:
        """Store the certificate; False when its serial is taken (draw another)."""
        row = (
            entry.serial,
            entry.common_name,
            entry.profile,
            entry.identity,
            _seconds(entry.not_after),
            entry.certificate,
        )
        try:
            with self._writing() as connection:
                connection.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            return False
        return True

    def revoke(self, serial: str, at: datetime, reason: str) -> bool:
        """Mark it; the first time and reason stay. False when the serial isn't in this index."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE certificates SET revoked_at = ?, reason = ?"
                " WHERE serial = ? AND revoked_at IS NULL",
                (_seconds(at), reason, serial),
            )
            found = connection.execute("SELECT 1 FROM certificates WHERE serial = ?", (serial,))
            return found.fetchone() is not None

    def next_crl_number(self, seen: int = 0) -> int:
        """Return a number above all given and above `seen`; it counts even if signing fails."""
        with self._writing() as connection:
            row = connection.execute(
                "UPDATE crl SET number = max(number, ?) + 1 RETURNING number", (seen,)
            )
            return int(row.fetchone()[0])

    def revoked(self) -> tuple[Revoked, ...]:
        """All that was ever revoked, oldest first."""
        rows = self._connection.execute(
            "SELECT serial, revoked_at, reason FROM certificates"
            " WHERE revoked_at IS NOT NULL ORDER BY revoked_at, serial"
        )
        return tuple(
            Revoked(serial=serial, at=_moment(at), reason=reason) for serial, at, reason in rows
        )

    def find(self, serial: str) -> Entry | None:
        """Return the certificate under `serial`, or None."""
        row = self._connection.execute(
            "SELECT * FROM certificates WHERE serial = ?", (serial,)
        ).fetchone()
        return None if row is None else _entry(row)

    def entries(self) -> tuple[Entry, ...]:
        """All certificates, by serial."""
        rows = self._connection.execute("SELECT * FROM certificates ORDER BY serial")
        return tuple(_entry(row) for row in rows)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:  # an interrupt or a failed commit, too: or it would stay open
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _entry(row: tuple[str, str, str, str | None, int, bytes, int | None, str | None]) -> Entry:
    serial, common_name, profile, identity, not_after, certificate, revoked_at, reason = row
    return Entry(
        serial=serial,
        common_name=common_name,
        profile=profile,
        identity=identity,
        not_after=_moment(not_after),
        certificate=certificate,
        revoked_at=None if revoked_at is None else _moment(revoked_at),
        reason=reason,
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
