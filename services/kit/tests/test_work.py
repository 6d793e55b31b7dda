"""The work queue on a real PostgreSQL: order, leases, fences, tries, cancelling."""

import asyncio
from datetime import timedelta

import pytest
from psycopg import Rollback

from iotistic_kit.db import Database, Listener
from iotistic_kit.migrations import migrate
from iotistic_kit.work import (
    WORK_MIGRATIONS,
    JobNotFoundError,
    JobStatus,
    LeaseLostError,
    RetryPolicy,
    WorkQueue,
)

pytestmark = pytest.mark.real

SHORT = timedelta(seconds=0.3)
QUICK = RetryPolicy(pauses=(timedelta(seconds=0.05), timedelta(seconds=0.1)), losses=3)


@pytest.fixture
async def database(postgres_server):
    template = postgres_server.template("work", lambda conninfo: migrate(conninfo, WORK_MIGRATIONS))
    async with Database(postgres_server.create(template), largest=12) as opened:
        yield opened


def queue(database, worker="one", lease=timedelta(seconds=60)):
    return WorkQueue(database, worker=worker, lease=lease, retries=QUICK)


async def put(database, kind="deploy", key="a", payload=None, after=timedelta(0)):
    async with database.transaction() as connection:
        return await queue(database).enqueue(connection, kind, key, payload or {}, after=after)


async def view(database, job_id):
    async with database.connection() as connection:
        return await queue(database).get(connection, job_id)


async def test_a_job_from_the_queue_to_its_result(database):
    job_id = await put(database, payload={"plan": "starter"})
    one = queue(database)
    assert await one.claim(["delete"]) is None
    job = await one.claim(["deploy"])
    assert (job.id, job.payload, job.attempt, job.fence) == (job_id, {"plan": "starter"}, 1, 1)
    assert await one.claim(["deploy"]) is None
    await one.log(job, ["first", "second\0"])
    await one.log(job, ["third"])
    await one.progress(job, {"done": 1, "total": 2})
    await one.finish(job, {"ok": True})
    done = await view(database, job_id)
    assert (done.status, done.result, done.progress) == (
        JobStatus.SUCCEEDED,
        {"ok": True},
        {"done": 1, "total": 2},
    )
    async with database.connection() as connection:
        lines = await one.read_log(connection, job_id)
        assert [(line.n, line.line) for line in lines] == [
            (1, "first"),
            (2, "second"),
            (3, "third"),
        ]
        assert [line.n for line in await one.read_log(connection, job_id, after=2)] == [3]


async def test_an_enqueue_that_rolls_back_never_was(database):
    async with database.transaction() as connection:
        await queue(database).enqueue(connection, "deploy", "a", {})
        raise Rollback
    assert await queue(database).claim(["deploy"]) is None


async def test_one_running_job_a_key_and_others_beside_it(database):
    first, _second, other = (
        await put(database),
        await put(database, kind="delete"),
        await put(database, key="b"),
    )
    one = queue(database)
    claimed = [await one.claim(["deploy", "delete"]) for _ in range(3)]
    assert [job and job.id for job in claimed] == [first, other, None]
    await one.finish(claimed[0])
    assert (await one.claim(["deploy", "delete"])).kind == "delete"


async def test_tries_pauses_and_the_dead_letter(database):
    job_id, one = await put(database), queue(database)
    statuses = []
    for attempt in (1, 2, 3):
        await asyncio.sleep(await one.seconds_to_next(["deploy"]))
        job = await one.claim(["deploy"])
        assert (job.attempt, job.fence) == (attempt, attempt)
        statuses.append(await one.fail(job, f"error {attempt}"))
    assert statuses == ["queued", "queued", "failed"]
    assert (await view(database, job_id)).error == "error 3"
    assert await one.seconds_to_next(["deploy"]) is None
    async with database.transaction() as connection:
        assert await one.retry(connection, job_id) == "queued"
    assert (await one.claim(["deploy"])).fence == 4


async def test_a_failing_jobs_pause_holds_up_nobody(database):
    one = queue(database)
    await put(database)
    await one.fail(await one.claim(["deploy"]), "down")
    delete = await put(database, kind="delete")
    assert (await one.claim(["deploy", "delete"])).id == delete


async def test_take_over_waits_for_the_lease_and_fences_the_old_worker_off(database):
    job_id = await put(database)
    old, new = queue(database, "old", SHORT), queue(database, "new")
    stale = await old.claim(["deploy"])
    assert await new.claim(["deploy"]) is None
    assert 0 < await new.seconds_to_next(["deploy"]) <= 0.3
    await asyncio.sleep(0.35)
    job = await new.claim(["deploy"])
    assert (job.id, job.fence, job.attempt) == (job_id, stale.fence + 1, 2)
    for late in (
        old.heartbeat(stale),
        old.finish(stale),
        old.fail(stale, "x"),
        old.release(stale),
        old.log(stale, ["x"]),
        old.progress(stale, {}),
        old.finish_canceled(stale),
    ):
        with pytest.raises(LeaseLostError):
            await late
    await new.finish(job)
    taken = await view(database, job_id)
    assert (taken.status, taken.worker, taken.losses) == ("succeeded", "new", 1)


async def test_a_renewed_lease_is_not_taken(database):
    await put(database)
    one = queue(database, lease=SHORT)
    job = await one.claim(["deploy"])
    for _ in range(4):
        await asyncio.sleep(0.15)
        assert await one.heartbeat(job) is False
        assert await queue(database, "two").claim(["deploy"]) is None


async def test_a_job_that_kills_workers_is_given_up(database):
    job_id, one = await put(database), queue(database, lease=timedelta(0))
    claimed = [await one.claim(["deploy"]) for _ in range(4)]
    assert [job and job.fence for job in claimed] == [1, 2, 3, None]
    dead = await view(database, job_id)
    assert (dead.status, dead.error) == ("failed", "given up: 3 workers were lost over it")


async def test_cancelling(database):
    waiting, running = await put(database), await put(database, key="b")
    one = queue(database, lease=SHORT)
    async with database.transaction() as connection:
        assert await one.cancel(connection, waiting) == "canceled"
    job = await one.claim(["deploy"])
    assert job.id == running
    async with database.transaction() as connection:
        assert await one.cancel(connection, running) == "running"
    assert await one.heartbeat(job) is True
    await asyncio.sleep(0.35)
    assert await one.claim(["deploy"]) is None
    assert (await view(database, running)).status == "canceled"
    async with database.transaction() as connection:
        assert await one.cancel(connection, running) == "canceled"
        for unknown in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            with pytest.raises(JobNotFoundError):
                await one.get(connection, unknown)


async def test_cancel_waiting_takes_retries_of_the_key_alone(database):
    one = queue(database)
    await put(database)
    await one.fail(await one.claim(["deploy"]), "down")
    await put(database, kind="update")
    kept = await put(database, key="b")
    async with database.transaction() as connection:
        assert await one.cancel_waiting(connection, "a", ["deploy", "update"]) == 2
        found = await one.find(connection, statuses=[JobStatus.QUEUED])
    assert [job.id for job in found] == [kept]


async def test_finish_is_one_transaction_with_its_effect(database):
    job_id, one = await put(database), queue(database)
    job = await one.claim(["deploy"])
    async with database.transaction() as connection:
        await one.finish(job, connection=connection)
        raise Rollback
    assert (await view(database, job_id)).status == "running"


async def test_find_pages_from_the_newest(database):
    ids = [await put(database, key=str(n)) for n in range(5)]
    async with database.connection() as connection:
        first = await queue(database).find(connection, limit=3)
        rest = await queue(database).find(connection, limit=3, before=first[-1].id)
    assert [job.id for job in first + rest] == ids[::-1]


async def test_many_claimers_never_share_a_job_or_a_key(database):
    for n in range(40):
        await put(database, key=f"key-{n % 8}")
    running, done = set(), []

    async def work(name):
        one = queue(database, name)
        while len(done) < 40:
            job = await one.claim(["deploy"])
            if job is None:
                await asyncio.sleep(0.005)
                continue
            assert job.key not in running
            running.add(job.key)
            await asyncio.sleep(0.002)
            running.discard(job.key)
            done.append((job.key, job.fence))
            await one.finish(job)

    await asyncio.gather(*(work(f"w{n}") for n in range(8)))
    assert len(set(done)) == 40
    for key in {key for key, _ in done}:
        assert [fence for of, fence in done if of == key] == [1, 2, 3, 4, 5]


async def test_waiting_workers_are_told(database):
    heard, ready = asyncio.Queue(), asyncio.Event()

    async def on_ready():
        ready.set()

    async def on_notify(channel, payload):
        heard.put_nowait((channel, payload))

    listener = Listener(
        database.conninfo, ["work_ready", "work_cancel"], on_notify, on_ready=on_ready
    )
    task = asyncio.create_task(listener.run())
    await ready.wait()
    job_id = await put(database)
    assert await heard.get() == ("work_ready", "deploy")
    job = await queue(database).claim(["deploy"])
    async with database.transaction() as connection:
        await queue(database).cancel(connection, job_id)
    assert await heard.get() == ("work_cancel", job_id)
    await queue(database).finish_canceled(job)
    assert await heard.get() == ("work_ready", "deploy")
    task.cancel()


async def test_pruning_takes_what_has_ended_long_ago_and_nothing_else(database):
    one = queue(database)
    old, recent, waiting = [await put(database, key=str(n)) for n in range(3)]
    for _ in range(2):
        job = await one.claim(["deploy"])
        await one.log(job, ["done"])
        await one.finish(job)
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE work SET finished_at = now() - interval '8 days' WHERE id = %s", (old,)
        )
        assert await one.prune(connection, timedelta(days=7)) == 1
        assert [job.id for job in await one.find(connection)] == [waiting, recent]
        assert await one.read_log(connection, old) == []
