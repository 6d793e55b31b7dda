"""The database goes away in the middle of a run and comes back."""

from collections.abc import Iterator

import pytest

from iotistic_billing.runtime import MIGRATIONS
from iotistic_kit.migrations import migrate
from iotistic_kit.testing import PostgresServer, running_postgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running_postgres() as started:
        yield started


@pytest.fixture
def conninfo(server: PostgresServer) -> str:
    made = server.create()
    migrate(made, MIGRATIONS)
    return made


async def test_the_run_ends_before_its_lease_and_is_done_anew_when_it_is_back(site, server):
    worker = site.start_worker()
    queued = await site.deploy()
    await site.until(lambda: ["1", "begin", "one"] in site.journal)
    server.stop()
    await site.until(lambda: site.survivors() == [])
    server.start()

    job = await site.ended(queued.job_id)

    tenant = await site.shown()
    assert (job.status, job.failures) == ("succeeded", 0)
    assert tenant.deployment.applied_hash == tenant.wanted_hash
    assert worker.poll() is None
    assert site.folders() == []
