"""The one SQLite file of the agent: opened, checked, written in transactions."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
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
    """One open file; one thread uses it. Write-ahead log, synchronous FULL.

    ``rebuilt``: it is a new one, in the place of one that was damaged.
    """

    def __init__(
        self, connection: sqlite3.Connection, now: Callable[[], datetime], *, rebuilt: bool = False
    ) -> None:
        self._connection = connection
        self.clock = now
        self.rebuilt = rebuilt
        self._after: Callable[[], None] = _nothing

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """Open, or make, the database at ``path``, mode 0600; StoreFault when that can't be.

        A damaged one is set aside as ``<name>.damaged`` and a new one begun.
        """
        try:
            path.touch(mode=_MODE)
            path.chmod(_MODE)
            connection = _opened(path)
            rebuilt = connection is None
            if connection is None:
                _set_aside(path)
                path.touch(mode=_MODE)
                connection = _opened(path)
        except (OSError, sqlite3.Error) as exc:
            raise StoreFault(f"can't keep state in {path}: {exc}") from None
        if connection is None:
            raise StoreFault(f"can't keep state in {path}")
        return cls(connection, now, rebuilt=rebuilt)

    def after_each_change(self, after: Callable[[], None]) -> None:
        """Call ``after`` now, and when a transaction was committed."""
        self._after = after
        after()

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
        return self.text(self.clock())

    def text(self, at: datetime) -> str:
        """Return a time as it is stored."""
        return format_time(at)

    def row(self, query: str, *values: object) -> Any:
        """Return the first row that ``query`` finds, None when there is none."""
        return self._connection.execute(query, values).fetchone()

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows that ``query`` finds."""
        return self._connection.execute(query, values).fetchall()

    def each(self, query: str, *values: object) -> Iterator[Any]:
        """Return the rows that ``query`` finds, read as they are asked for."""
        return iter(self._connection.execute(query, values))

    def named_row(self, query: str) -> dict[str, Any] | None:
        """Return the first row by the names of its columns."""
        cursor = self._connection.execute(query)
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
        return None if row is None else dict(zip(names, row, strict=True))

    def insert(self, table: str, row: Mapping[str, object]) -> None:
        """Insert what of ``row`` this version of ``table`` has a column for."""
        known = {each[1] for each in self.rows(f"PRAGMA table_info({table})")}
        kept = {name: value for name, value in row.items() if name in known}
        marks = ", ".join("?" * len(kept))
        statement = f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})"  # noqa: S608
        self.run(statement, *kept.values())

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
        self._after()


def _nothing() -> None:
    """Do nothing."""


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
            schema = files("iotistic_agent.adapters.store").joinpath("schema.sql").read_text()
            connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;")
            return connection
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            connection.close()
            raise
    connection.close()
    return None
