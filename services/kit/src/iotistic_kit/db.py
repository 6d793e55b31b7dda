"""PostgreSQL: a pool of connections."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .errors import StopError
from .listener import Listener

__all__ = ["Connection", "Database", "DatabaseUnreachableError", "Listener", "where"]

Connection = AsyncConnection[Any]
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "options": "-c idle_in_transaction_session_timeout=20000",
}


class DatabaseUnreachableError(StopError):
    """The database doesn't answer, or refuses us; says where it was looked for."""


class Database:
    """A pool of connections to one database.

    ``connection()`` commits at its end, ``transaction()`` is one transaction; both roll back when
    the block raises. A connection that broke is replaced; without one in ``timeout`` seconds
    ``psycopg_pool.PoolTimeout`` is raised, which a service answers as 503.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        name: str = "iotistic",
        smallest: int = 1,
        largest: int = 10,
        timeout: float = 5.0,
    ) -> None:
        self.conninfo = with_defaults(conninfo, name)
        self._timeout = timeout
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self.conninfo,
            min_size=smallest,
            max_size=largest,
            timeout=timeout,
            reconnect_timeout=30,
            check=AsyncConnectionPool.check_connection,
            name=name,
            open=False,
        )

    async def open(self) -> None:
        """Connect, or raise ``DatabaseUnreachableError``."""
        try:
            await self._pool.open(wait=True, timeout=self._timeout)
        except PoolTimeout:
            await self._pool.close()
            raise await self._reason() from None

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; its work is committed when the block ends well."""
        async with self._pool.connection() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """Raise when the database doesn't answer; a health check."""
        async with self._pool.connection(timeout=1.5) as connection:
            await connection.execute("SELECT 1")

    async def _reason(self) -> DatabaseUnreachableError:
        try:
            async with await AsyncConnection.connect(self.conninfo):
                detail = "no connection in time"
        except psycopg.OperationalError as exc:
            detail = first_line(exc)
        return DatabaseUnreachableError(
            f"no database at {where(self.conninfo)}: {detail}; start it, or correct DB_*"
        )


def with_defaults(conninfo: str, name: str) -> str:
    """Return ``conninfo`` with our time limits where it has none of its own."""
    given = conninfo_to_dict(conninfo)
    return make_conninfo(conninfo, **{"application_name": name, **_DEFAULTS, **_texts(given)})


def where(conninfo: str) -> str:
    """Return host, port and database of ``conninfo``, without user and password."""
    told = conninfo_to_dict(conninfo)
    return f"{told.get('host', '')}:{told.get('port', 5432)}/{told.get('dbname', '')}"


def first_line(exc: BaseException) -> str:
    """Return what ``exc`` says, on one line."""
    return str(exc).strip().partition("\n")[0]


def _texts(given: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}
