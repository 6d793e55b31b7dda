"""The pool and the listener on a real PostgreSQL that goes away."""

import asyncio
import contextlib

import falcon.testing
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import PUBLIC
from iotistic_kit.db import Database, DatabaseUnreachableError, Listener
from iotistic_kit.health import Health
from iotistic_kit.operation import operation
from iotistic_kit.testing import running_postgres

pytestmark = pytest.mark.real


async def test_connection_commits_and_transaction_rolls_back(database):
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE notes (text text)")
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO notes VALUES ('kept')")
    with contextlib.suppress(KeyError):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO notes VALUES ('lost')")
            raise KeyError
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT text FROM notes")
        assert await cursor.fetchall() == [("kept",)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"port": 1}, "Connection refused"), ({"password": "hidden"}, "authentication failed")],
)
async def test_a_database_that_is_away_is_named_in_one_line(postgres, change, reason):
    database = Database(make_conninfo(postgres, **change), timeout=0.3)
    with pytest.raises(DatabaseUnreachableError) as raised:
        await database.open()
    assert reason in str(raised.value)
    assert "hidden" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_broken_connections_are_replaced(postgres_server, database):
    await database.check()
    await terminate(postgres_server, database.conninfo)
    await database.check()


class Heard:
    """What a listener was told, in order."""

    def __init__(self):
        self.events = asyncio.Queue()

    async def notify(self, channel, payload):
        self.events.put_nowait((channel, payload))

    async def lost(self):
        self.events.put_nowait("lost")

    async def ready(self):
        self.events.put_nowait("ready")

    async def next(self):
        async with asyncio.timeout(8):
            return await self.events.get()


@contextlib.asynccontextmanager
async def listening(conninfo, probe=10.0):
    heard = Heard()
    listener = Listener(
        conninfo,
        ["changed", "Odd name"],
        heard.notify,
        on_lost=heard.lost,
        on_ready=heard.ready,
        probe=probe,
    )
    task = asyncio.create_task(listener.run())
    try:
        yield heard, listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def notify(database, channel, payload):
    async with database.connection() as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))


async def terminate(server, conninfo):
    name = conninfo_to_dict(conninfo)["dbname"]
    async with await psycopg.AsyncConnection.connect(server.conninfo()) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


async def test_a_lost_connection_is_told_and_made_anew(postgres_server, database):
    async with listening(database.conninfo) as (heard, listener):
        assert await heard.next() == "ready"
        await notify(database, "changed", "one")
        await notify(database, "Odd name", "two")
        assert [await heard.next(), await heard.next()] == [("changed", "one"), ("Odd name", "two")]
        await terminate(postgres_server, database.conninfo)
        assert [await heard.next(), await heard.next()] == ["lost", "ready"]
        assert listener.listening
        await notify(database, "changed", "three")
        assert await heard.next() == ("changed", "three")


class Relay:
    """A network between client and server that can fall silent without closing anything."""

    def __init__(self, host, port):
        self.target, self.silent, self.tasks, self.writers = (host, port), False, [], []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connected, "127.77.4.9", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def connected(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        self.writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self.tasks.append(asyncio.create_task(self.carry(source, sink)))

    async def carry(self, source, sink):
        while chunk := await source.read(65536):
            if not self.silent:
                sink.write(chunk)
        if not self.silent:
            sink.close()


async def test_a_silent_network_counts_as_lost(database):
    told = conninfo_to_dict(database.conninfo)
    async with Relay(told["host"], told["port"]) as relay:
        conninfo = make_conninfo(database.conninfo, host="127.77.4.9", port=relay.port)
        async with listening(conninfo, probe=0.1) as (heard, listener):
            assert await heard.next() == "ready"
            relay.silent = True
            assert await heard.next() == "lost"
            assert not listener.listening
            relay.silent = False
            assert await heard.next() == "ready"


class Notes:
    def __init__(self, database):
        self.database = database

    @operation("Ask the database", access=PUBLIC)
    async def on_get(self, req, resp):
        async with self.database.connection() as connection:
            await connection.execute("SELECT 1")


@pytest.mark.timeout(40)
async def test_while_the_database_is_away_answers_are_503_and_then_it_works_again():
    with running_postgres("127.77.4.8") as server:
        app = ServiceApp()
        async with Database(server.conninfo(), timeout=0.2) as database:
            app.add_route("/notes", Notes(database))
            Health({"database": database.check}).add_to(app)
            async with falcon.testing.ASGIConductor(app) as client:
                assert (await client.get("/notes")).status_code == 200
                server.stop()
                answer = await client.get("/notes")
                assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
                assert answer.headers["retry-after"] == "2"
                assert (await client.get("/health/ready")).status_code == 503
                assert (await client.get("/health/live")).status_code == 200
                server.start()
                assert await first_good(client) == 200


async def first_good(client):
    async with asyncio.timeout(15):
        while True:
            answer = await client.get("/notes")
            if answer.status_code == 200:
                return 200
            await asyncio.sleep(0.1)
