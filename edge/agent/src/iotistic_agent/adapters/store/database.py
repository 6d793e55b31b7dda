"""The one SQLite file of the agent: opened, checked, written in transactions."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from iotistic_agent.faults import StoreFault
from iotistic_contract.codec import format_time
from iotistic_pki.files import sync_folder

__all__ = ["Database"]

_MODE = 0o600


class Database:
    """One open file; one thread uses it. Write-ahead log, synchronous FULL."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self.clock = now

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged`` and a new one begun.
        """
        try:
            path.touch(mode=_MODE)
            path.chmod(_MODE)
            connection = _opened(path)
            if connection is None:
                _set_aside(path)
                path.touch(mode=_MODE)
                connection = _opened(path)
        except (OSError, sqlite3.Error) as exc:
            raise StoreFault(f"can't keep state in {path}: {exc}") from None
        if connection is None:
            raise StoreFault(f"can't keep state in {path}")
        return cls(connection, now)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def fault(self) -> str | None:
        """Return what is wrong with the file, None when it is whole."""
        try:
            found = str(self.row("PRAGMA quick_check(1)")[0])
        except sqlite3.Error as exc:
            return str(exc)
        return None if found == "ok" else found

    def now(self) -> str:
        """Return the time as it is stored."""
        return format_time(self.clock())

    def row(self, query: str, *values: object) -> Any:
        """Return the first row that ``query`` finds, None when there is none."""
        return self._connection.execute(query, values).fetchone()

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows that ``query`` finds."""
        return self._connection.execute(query, values).fetchall()

    def run(self, statement: str, *values: object) -> int:
        """Run one statement, a transaction of its own unless one is open; return rows changed."""
        return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that runs inside one change: whole, or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:  # an interrupt, too: or the transaction would stay open
            if self._connection.in_transaction:  # SQLite has ended it itself after a failed write
                self._connection.execute("ROLLBACK")
            raise


def _set_aside(path: Path) -> None:
    """Rename a damaged database, the main file last and for good.

    Cut short anywhere, the main file is still found damaged, and no new one meets the old's log.
    """
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(path.with_name(f"{path.name}{suffix}.damaged"))
    sync_folder(path.parent)


def _opened(path: Path) -> sqlite3.Connection | None:
    """Return the database ready for use, None when its content is damaged."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check").fetchone() == ("ok",):
            connection.executescript(
                files("iotistic_agent.adapters.store").joinpath("schema.sql").read_text()
            )
            return connection
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            connection.close()
            raise
    connection.close()
    return None
