"""The worker's loop on a real PostgreSQL, in this process and as processes that are killed."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from iotistic_kit.db import Database
from iotistic_kit.migrations import migrate
from iotistic_kit.work import WORK_MIGRATIONS, LeaseLostError, RetryPolicy, WorkQueue
from iotistic_kit.worker import GiveUpError, JobCanceledError, Worker, holding

pytestmark = pytest.mark.real

RENEWAL = timedelta(seconds=0.05)
QUICK = RetryPolicy(pauses=(timedelta(seconds=0.05), timedelta(seconds=0.1)))
# A worker process: each step is written while the job is held, or not at all.
PROGRAM = """
import asyncio, sys
from datetime import timedelta
from iotistic_kit.db import Database
from iotistic_kit.work import WorkQueue
from iotistic_kit.worker import Worker

async def main(conninfo, name):
    async with Database(conninfo) as database:
        async def deploy(job, lease):
            for step in range(5):
                async with database.transaction() as connection:
                    await queue.require(job, connection)
                    await connection.execute(
                        "INSERT INTO steps VALUES (%s, %s, %s)", (name, job.fence, step))
                await asyncio.sleep(0.1)

        queue = WorkQueue(database, worker=name, lease=timedelta(seconds=0.6))
        worker = Worker(
            queue, {"deploy": deploy}, conninfo, renewal=timedelta(seconds=0.1), poll=0.3)
        await worker.run(asyncio.Event())

asyncio.run(main(*sys.argv[1:]))
"""


# A worker process whose handler runs a daemon under a guard, with a beat for each renewal.
GUARDED = """
import asyncio, contextlib, os, sys
from datetime import timedelta
from iotistic_kit.db import Database
from iotistic_kit.work import WorkQueue
from iotistic_kit.worker import Worker

async def main(conninfo, name, daemon, file):
    async with Database(conninfo) as database:
        async def deploy(job, lease):
            reading, writing = os.pipe()
            guard = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "iotistic_kit.guard", "--beat-fd", str(reading),
                "--beat-timeout", "0.6", "--grace", "0", "--",
                sys.executable, "-c", daemon, file, str(job.fence), pass_fds=[reading])
            os.close(reading)
            try:
                while guard.returncode is None:
                    with contextlib.suppress(BrokenPipeError):
                        os.write(writing, f"{lease.renewed_at}\\n".encode())
                    await asyncio.sleep(0.05)
            finally:
                os.close(writing)
                await guard.wait()

        queue = WorkQueue(database, worker=name, lease=timedelta(seconds=1.2))
        worker = Worker(
            queue, {"deploy": deploy}, conninfo, renewal=timedelta(seconds=0.1), poll=0.3)
        await worker.run(asyncio.Event())

asyncio.run(main(*sys.argv[1:]))
"""
DAEMON = """
import os, signal, sys, time
if os.fork():
    time.sleep(60)
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
    time.sleep(0.01)
"""


@pytest.fixture
async def database(postgres_server):
    template = postgres_server.template("work", lambda conninfo: migrate(conninfo, WORK_MIGRATIONS))
    async with Database(postgres_server.create(template), largest=12) as opened:
        yield opened


def queue(database, worker="one", lease=timedelta(seconds=60)):
    return WorkQueue(database, worker=worker, lease=lease, retries=QUICK)


async def put(database, key="a", payload=None):
    async with database.transaction() as connection:
        return await queue(database).enqueue(connection, "deploy", key, payload or {})


async def ended(database, job_id, statuses=("succeeded", "failed", "canceled")):
    async with asyncio.timeout(20):
        while True:
            async with database.connection() as connection:
                view = await queue(database).get(connection, job_id)
            if view.status in statuses:
                return view
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(database, handler, **arguments):
    stop = asyncio.Event()
    worker = Worker(
        queue(database), {"deploy": handler}, database.conninfo, renewal=RENEWAL, **arguments
    )
    task = asyncio.create_task(worker.run(stop))
    yield stop, task
    stop.set()
    await task


async def test_outcomes(database):
    tries = []

    async def deploy(job, lease):
        tries.append((job.key, job.attempt))
        match job.payload["do"]:
            case "give up":
                raise GiveUpError("no such plan")
            case "fail once" if job.attempt == 1:
                raise RuntimeError("down")
            case "fail":
                raise RuntimeError("always down")
        return {"by": job.attempt}

    asked = ["succeed", "give up", "fail once", "fail"]
    async with working(database, deploy):
        jobs = [await put(database, key=do, payload={"do": do}) for do in asked]
        views = [await ended(database, job) for job in jobs]
    assert [(view.status, view.attempt, view.result, view.error) for view in views] == [
        ("succeeded", 1, {"by": 1}, None),
        ("failed", 1, None, "no such plan"),
        ("succeeded", 2, {"by": 2}, None),
        ("failed", 3, None, "always down"),
    ]


async def test_so_many_at_a_time_and_no_more(database):
    now, most = 0, 0

    async def deploy(job, lease):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.03)
        now -= 1

    async with working(database, deploy, concurrency=3):
        jobs = [await put(database, key=str(n)) for n in range(9)]
        for job in jobs:
            await ended(database, job)
    assert most == 3


async def test_canceling_a_running_job_stops_its_handler_at_once(database):
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def deploy(job, lease):
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    stop = asyncio.Event()
    worker = Worker(queue(database), {"deploy": deploy}, database.conninfo)
    task = asyncio.create_task(worker.run(stop))
    job = await put(database)
    await begun.wait()
    async with database.transaction() as connection:
        await queue(database).cancel(connection, job)
    assert (await ended(database, job)).status == "canceled"
    assert cleaned.is_set()
    stop.set()
    await task


async def test_a_stopped_worker_gives_its_job_back(database):
    begun = asyncio.Event()

    async def deploy(job, lease):
        begun.set()
        await asyncio.sleep(60)

    async with working(database, deploy) as (stop, task):
        job = await put(database)
        await begun.wait()
        stop.set()
        await task
    view = await ended(database, job, statuses=("queued",))
    assert (view.attempt, view.failures, view.losses) == (0, 0, 0)


async def test_holding_tells_each_renewal_and_the_loss(database):
    await put(database)
    one = queue(database, lease=timedelta(seconds=0.3))
    job, renewals = await one.claim(["deploy"]), []

    async def hold():
        async with holding(one, job, renewal=RENEWAL, on_renewed=renewals.append):
            await asyncio.sleep(0.2)
            async with database.transaction() as connection:
                await connection.execute("UPDATE work SET fence = fence + 1")
            await asyncio.sleep(60)

    with pytest.raises(LeaseLostError):
        await hold()
    assert len(renewals) >= 3
    assert renewals == sorted(renewals)


async def test_holding_a_canceled_job_does_not_begin(database):
    job_id = await put(database)
    one = queue(database)
    job = await one.claim(["deploy"])
    async with database.transaction() as connection:
        await one.cancel(connection, job_id)
    with pytest.raises(JobCanceledError):
        async with holding(one, job):
            pytest.fail("it began")


async def test_a_database_restart_under_a_running_job(postgres_server, database):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def deploy(job, lease):
        begun.set()
        await go_on.wait()

    async with working(database, deploy, poll=0.2):
        job = await put(database)
        await begun.wait()
        name = psycopg.conninfo.conninfo_to_dict(database.conninfo)["dbname"]
        ended_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(postgres_server.conninfo(), autocommit=True) as connection:
            connection.execute(ended_all, (name,))
        await asyncio.sleep(0.2)
        go_on.set()
        assert (await ended(database, job)).attempt == 1
        assert (await ended(database, await put(database))).status == "succeeded"


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def start(processes, database, name, *further, program=PROGRAM):
    process = subprocess.Popen([sys.executable, "-c", program, database.conninfo, name, *further])
    processes.append(process)
    return process


async def steps(database):
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT worker, fence, step FROM steps ORDER BY number")
        return await cursor.fetchall()


async def until_step(database, step):
    async with asyncio.timeout(20):
        while True:
            done = await steps(database)
            if done and done[-1][2] >= step:
                return done[-1][0]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("step", [0, 2, 4])
async def test_a_killed_or_stopped_workers_job_is_done_by_one_other_to_the_end(
    database, processes, how, step
):
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE TABLE steps (worker text, fence bigint, step integer,"
            " number bigint GENERATED ALWAYS AS IDENTITY)"
        )
    workers = {name: start(processes, database, name) for name in ("one", "two")}
    job = await put(database)
    first = await until_step(database, step)
    os.kill(workers[first].pid, how)
    view = await ended(database, job)
    if how == signal.SIGSTOP:
        os.kill(workers[first].pid, signal.SIGCONT)
        await asyncio.sleep(0.3)
    done = await steps(database)
    second = ({"one", "two"} - {first}).pop()
    assert [row for row in done if row[0] == second] == [(second, 2, n) for n in range(5)]
    assert [fence for _, fence, _ in done if fence == 1] == [1] * (step + 1)
    assert (view.status, view.worker, view.losses) == ("succeeded", second, 1)


async def written(file, fence):
    async with asyncio.timeout(20):
        while True:
            if file.read_text().count(fence) > 20:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_what_a_worker_started_has_ended_before_its_job_is_taken_over(
    database, processes, tmp_path, how
):
    file = tmp_path / "fences"
    file.touch()
    further = (DAEMON, str(file))
    first = start(processes, database, "one", *further, program=GUARDED)
    job = await put(database)
    await written(file, "1")
    start(processes, database, "two", *further, program=GUARDED)
    os.kill(first.pid, how)
    await written(file, "2")
    async with database.connection() as connection:
        assert (await queue(database).get(connection, job)).worker == "two"
    fences = file.read_text().split()
    assert fences == sorted(fences)
