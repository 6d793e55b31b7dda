"""PostgreSQL: a pool of connections."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .conninfo import DatabaseUnreachableError, first_line, where, with_defaults
from .listener import Listener

__all__ = ["Connection", "Database", "DatabaseUnreachableError", "Listener", "where"]

Connection = AsyncConnection[Any]


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
            reconnect_timeout=5,
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
        return DatabaseUnreachableError(self.conninfo, detail)
