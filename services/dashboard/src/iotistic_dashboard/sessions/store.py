"""Sessions in an SQLite file of mode 0600: ids as SHA-256, everything else sealed."""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from iotistic_dashboard.sessions.vault import SealError, Vault
from iotistic_kit.clock import Clock

__all__ = ["Session", "SqliteSessions", "Tokens", "identity"]

LONGEST = 14 * 86_400.0
IDLE = 24 * 3_600.0
PENDING = 300.0
TOUCH = 60.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id BLOB PRIMARY KEY, tokens BLOB NOT NULL, person BLOB NOT NULL, person_at REAL NOT NULL,
    created_at REAL NOT NULL, used_at REAL NOT NULL, renewing_until REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY, session BLOB NOT NULL, sealed BLOB NOT NULL,
    FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX IF NOT EXISTS notices_session ON notices (session);
CREATE TABLE IF NOT EXISTS pending (
    id BLOB PRIMARY KEY, sealed BLOB NOT NULL, until REAL NOT NULL
) STRICT;
"""
_log = structlog.get_logger("iotistic_dashboard.sessions")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the API gave at sign-in or renewal; ``until`` is when the access token ends."""

    access: str
    refresh: str
    until: float


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in; ``person`` is the API's own words about its user."""

    id: bytes
    tokens: Tokens
    person: dict[str, Any]
    person_at: float


def identity(cookie: bytes) -> bytes:
    """Return what a cookie is stored as."""
    return hashlib.sha256(cookie).digest()


class SqliteSessions:
    """The store; every call is one short transaction on a local file."""

    def __init__(self, path: Path, vault: Vault, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._vault = vault
        self._connection = self._opened()

    def add(self, session: bytes, tokens: Tokens, person: dict[str, Any]) -> None:
        """Keep a new session."""
        now = self._now()
        with self._change() as connection:
            connection.execute("DELETE FROM pending WHERE until < ?", (now,))
            connection.execute(
                "DELETE FROM sessions WHERE used_at < ? OR created_at < ?",
                (now - IDLE, now - LONGEST),
            )
            connection.execute(
                "INSERT INTO sessions (id, tokens, person, person_at, created_at, used_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (session, self._tokens(session, tokens), self._person(session, person), *[now] * 3),
            )

    def find(self, session: bytes) -> Session | None:
        """Return a session that hasn't ended; its use is noted at most once a minute."""
        now = self._now()
        row = self._connection.execute(
            "SELECT tokens, person, person_at, used_at FROM sessions"
            " WHERE id = ? AND used_at >= ? AND created_at >= ?",
            (session, now - IDLE, now - LONGEST),
        ).fetchone()
        if row is None:
            return None
        tokens, person, person_at, used_at = row
        try:
            kept = Tokens(**self._vault.open(tokens, session, b"tokens"))
            who = self._vault.open(person, session, b"person")
        except SealError:
            self.remove(session)
            return None
        if now - used_at > TOUCH:
            with self._change() as connection:
                connection.execute("UPDATE sessions SET used_at = ? WHERE id = ?", (now, session))
        return Session(session, kept, who, person_at)

    def remove(self, session: bytes) -> None:
        """Forget a session and what it was to be told."""
        with self._change() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def claim_renewal(self, session: bytes, seconds: float) -> bool:
        """Return whether the caller is the one who renews this session's tokens now."""
        now = self._now()
        with self._change() as connection:
            done = connection.execute(
                "UPDATE sessions SET renewing_until = ? WHERE id = ? AND renewing_until < ?",
                (now + seconds, session, now),
            )
            return done.rowcount == 1

    def renewed(self, session: bytes, tokens: Tokens | None) -> None:
        """Store new tokens, and let others renew again; None stores nothing."""
        with self._change() as connection:
            if tokens is not None:
                connection.execute(
                    "UPDATE sessions SET tokens = ? WHERE id = ?",
                    (self._tokens(session, tokens), session),
                )
            connection.execute("UPDATE sessions SET renewing_until = 0 WHERE id = ?", (session,))

    def know(self, session: bytes, person: dict[str, Any]) -> None:
        """Store what the API says about the session's user now."""
        with self._change() as connection:
            connection.execute(
                "UPDATE sessions SET person = ?, person_at = ? WHERE id = ?",
                (self._person(session, person), self._now(), session),
            )

    def tell(self, session: bytes, notice: dict[str, Any]) -> None:
        """Keep something that the session's next page shows, once."""
        sealed = self._vault.seal(notice, session, b"notice")
        with self._change() as connection:
            connection.execute(
                "INSERT INTO notices (session, sealed) SELECT id, ? FROM sessions WHERE id = ?",
                (sealed, session),
            )

    def told(self, session: bytes) -> list[dict[str, Any]]:
        """Return what is to be shown, and forget it."""
        if not self._connection.execute(
            "SELECT 1 FROM notices WHERE session = ?", (session,)
        ).fetchone():
            return []
        with self._change() as connection:
            rows = connection.execute(
                "DELETE FROM notices WHERE session = ? RETURNING number, sealed", (session,)
            ).fetchall()
        return [self._vault.open(sealed, session, b"notice") for _, sealed in sorted(rows)]

    def hold(self, pending: bytes, document: dict[str, Any]) -> None:
        """Keep a half-done sign-in for five minutes."""
        until = self._now() + PENDING
        with self._change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pending (id, sealed, until) VALUES (?, ?, ?)",
                (pending, self._vault.seal(document, pending, b"pending"), until),
            )

    def held(self, pending: bytes) -> dict[str, Any] | None:
        """Return a half-done sign-in."""
        row = self._connection.execute(
            "SELECT sealed FROM pending WHERE id = ? AND until >= ?", (pending, self._now())
        ).fetchone()
        with contextlib.suppress(SealError):
            return None if row is None else dict(self._vault.open(row[0], pending, b"pending"))
        return None

    def let_go(self, pending: bytes) -> None:
        """Forget a half-done sign-in."""
        with self._change() as connection:
            connection.execute("DELETE FROM pending WHERE id = ?", (pending,))

    async def open(self) -> None:
        """Do nothing: the file is open already."""

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _tokens(self, session: bytes, tokens: Tokens) -> bytes:
        document = {"access": tokens.access, "refresh": tokens.refresh, "until": tokens.until}
        return self._vault.seal(document, session, b"tokens")

    def _person(self, session: bytes, person: dict[str, Any]) -> bytes:
        return self._vault.seal(person, session, b"person")

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:  # an interrupt or a failed commit, too: or it would stay open
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _opened(self) -> sqlite3.Connection:
        try:
            return _open(self._path)
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                raise
            aside = self._path.with_name(f"{self._path.name}.unreadable")
            _log.warning("sessions_unreadable", error=str(exc), kept_as=str(aside))
            self._path.replace(aside)
            return _open(self._path)


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
