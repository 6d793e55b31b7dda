"""Forward-only migrations: numbered SQL files, each in a transaction of its own."""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from .conninfo import DatabaseUnreachableError, first_line, with_defaults
from .errors import StopError

__all__ = ["BehindError", "MigrationError", "behind", "check", "main", "migrate"]

Folders = Path | Sequence[Path]
_LOCK = 0x696F7473  # "iots"
_FILE = re.compile(r"(?:[a-z]+-)?\d{4}[_-][a-z0-9_-]+\.sql")
_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name text PRIMARY KEY,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


class MigrationError(StopError):
    """A migration can't be applied; names the file. Those before it are applied and stay."""


class BehindError(StopError):
    """The database lacks migrations that this program needs."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql).hexdigest()


def migrate(conninfo: str, folders: Folders) -> list[str]:
    """Apply what the database lacks, in order, and return those names.

    One run at a time per database (advisory lock); the others wait and then find nothing to do.
    A killed run leaves whole files applied or not applied, never a half. Raises
    ``MigrationError`` when an applied file has changed, or a new one is numbered before it.
    """
    with _connected(conninfo) as connection:
        connection.execute("SET client_connection_check_interval = '1s'")
        connection.execute("SET client_min_messages = warning")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(_TABLE)
        waiting = _waiting(connection, folders)
        for migration in waiting:
            _apply(connection, migration)
        return [migration.name for migration in waiting]


def behind(conninfo: str, folders: Folders) -> list[str]:
    """Return the names of the migrations that the database lacks, without changing it."""
    with _connected(conninfo) as connection:
        row = connection.execute("SELECT to_regclass('schema_migrations')").fetchone()
        if row is None or row[0] is None:
            return [migration.name for migration in _all(folders)]
        return [migration.name for migration in _waiting(connection, folders)]


def check(conninfo: str, folders: Folders) -> None:
    """Raise ``BehindError`` when a migration is missing; for ``serve`` before it listens."""
    missing = behind(conninfo, folders)
    if missing:
        raise BehindError(f"the database lacks {', '.join(missing)}; run the migrate command")


def main(conninfo: str, folders: Folders) -> int:
    """Migrate, print ``{"applied": [names]}`` and return 0; the body of a migrate command."""
    sys.stdout.write(json.dumps({"applied": migrate(conninfo, folders)}) + "\n")
    return 0


@contextmanager
def _connected(conninfo: str) -> Iterator[Connection[Any]]:
    try:
        connection = psycopg.connect(with_defaults(conninfo, "iotistic-migrate"), autocommit=True)
    except psycopg.OperationalError as exc:
        raise DatabaseUnreachableError(conninfo, first_line(exc)) from None
    with connection:
        yield connection


def _apply(connection: Connection[Any], migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)",
                (migration.name, migration.checksum),
            )
    except psycopg.Error as exc:
        raise MigrationError(f"{migration.name}: {first_line(exc)}; nothing of it stays") from exc


def _waiting(connection: Connection[Any], folders: Folders) -> list[Migration]:
    applied = dict(connection.execute("SELECT name, checksum FROM schema_migrations").fetchall())
    waiting: list[Migration] = []
    for folder in _folders(folders):
        waiting += _waiting_in(folder, applied)
    return waiting


def _waiting_in(folder: Path, applied: dict[str, str]) -> list[Migration]:
    waiting: list[Migration] = []
    for migration in _read(folder):
        known = applied.get(migration.name)
        if known is None:
            waiting.append(migration)
        elif known != migration.checksum:
            raise MigrationError(f"{migration.name} was changed after it was applied")
        elif waiting:
            raise MigrationError(f"{waiting[0].name} is numbered before {migration.name}")
    return waiting


def _all(folders: Folders) -> list[Migration]:
    return [migration for folder in _folders(folders) for migration in _read(folder)]


def _folders(folders: Folders) -> Sequence[Path]:
    return [folders] if isinstance(folders, Path) else folders


def _read(folder: Path) -> list[Migration]:
    paths = sorted(folder.glob("*.sql"))
    for path in paths:
        if not _FILE.fullmatch(path.name):
            raise MigrationError(f"{path}: a migration is named like 0001_customers.sql")
    if not paths:
        raise MigrationError(f"{folder}: no migrations here")
    return [Migration(path.stem, path.read_bytes()) for path in paths]
