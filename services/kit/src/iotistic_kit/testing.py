"""A pytest plugin: a PostgreSQL of the test run's own.

Take the fixture ``postgres`` (the connection string of an empty database for one test),
``database`` (an open ``Database`` on it), or ``postgres_server`` for templates::

    @pytest.fixture
    def conninfo(postgres_server):
        return postgres_server.create(template=postgres_server.template("billing", build))

where ``build(conninfo)`` migrates once per run. Mark such tests ``real``.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .db import Database

__all__ = ["PostgresServer", "database", "postgres", "postgres_server", "running_postgres"]

_BINARIES = Path("/usr/lib/postgresql/15/bin")
_ROOM = 2 * 1024**3
_FASTER = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
    "log_min_messages": "panic",
}


@dataclass(slots=True)
class PostgresServer:
    """A server of our own: a test may stop and start it."""

    host: str
    port: int
    password: str
    folder: Path
    _process: subprocess.Popen[bytes] | None = None
    _made: int = 0
    _templates: dict[str, str] = field(default_factory=dict)

    def conninfo(self, name: str = "postgres") -> str:
        """Return the superuser's connection string for the database ``name``."""
        return make_conninfo(
            host=self.host, port=self.port, user="postgres", password=self.password, dbname=name
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = _start(self.folder, self.host, self.port)
        until = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(self.conninfo(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop it at once, as a power cut does to its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)
            self._process = None

    def create(self, template: str = "template1") -> str:
        """Make a database of its own, a copy of ``template``; return its connection string."""
        self._made += 1
        name = f"test_{self._made}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(statement)
        return self.conninfo(name)

    def template(self, name: str, build: Callable[[str], object]) -> str:
        """Return the name of the template that ``build(conninfo)`` filled, once per run."""
        if name not in self._templates:
            conninfo = self.create()
            build(conninfo)
            self._templates[name] = f"test_{self._made}"
        return self._templates[name]


@contextlib.contextmanager
def running_postgres(host: str = "127.0.0.1") -> Iterator[PostgresServer]:
    """Run a PostgreSQL in a temporary folder; it ends with this process, however that ends."""
    folder = Path(tempfile.mkdtemp(prefix="iotistic-pg-", dir=_roomy_memory()))
    password = secrets.token_urlsafe(12)
    try:
        _initialize(folder, password)
        server = PostgresServer(host, _free_port(host), password, folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give a PostgreSQL for the whole run."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> str:
    """Give the connection string of an empty database."""
    return postgres_server.create()


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    """Give an open pool on an empty database."""
    async with Database(postgres) as opened:
        yield opened


def _roomy_memory() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108 -- mkdtemp makes a folder of our own in it
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free > _ROOM and os.access(memory, os.W_OK):
            return memory
    return None


def _initialize(folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="ascii")
    if os.geteuid() == 0:
        for path in (folder, secret):
            shutil.chown(path, "postgres", "postgres")
    arguments = ["-D", str(folder / "data"), "-U", "postgres", "--pwfile", str(secret)]
    options = ["-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8"]
    subprocess.run(  # noqa: S603 -- our own words
        [*_as_postgres(), str(_BINARIES / "initdb"), *arguments, *options],
        check=True,
        capture_output=True,
        cwd="/",
    )


def _start(folder: Path, host: str, port: int) -> subprocess.Popen[bytes]:
    told = {"listen_addresses": host, "unix_socket_directories": "", **_FASTER}
    options = [part for name, value in told.items() for part in ("-c", f"{name}={value}")]
    program = [str(_BINARIES / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options]
    guard = [sys.executable, "-m", "iotistic_kit.guard", "--"]
    return subprocess.Popen([*guard, *_as_postgres(), *program], cwd="/")  # noqa: S603


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
