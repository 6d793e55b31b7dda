"""Real workers, the real guard, real Ansible: what a job leaves behind, however its worker ends."""

import json
import signal

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

STEPS = ["one", "two", "three"]
POINTS = ["claimed", "begin one", "begin two", "begin three", "end three", "not written"]


def steps_of(journal, fence):
    return [(event, step) for number, event, step in journal if number == str(fence)]


WHOLE = [(event, step) for step in STEPS for event in ("begin", "end")]


def leaks(site, lines):
    """Where a secret stands in the log, or in what ansible-runner wrote during the run."""
    names = ("license.jwt", "billing-api-key")
    secrets = [(site.playbooks / "given" / name).read_text() for name in names]
    secrets += [site.environment["ADMIN_TOKEN"], site.environment["API_KEY_SEED"]]
    written = [path for path in (site.playbooks / "artifacts").rglob("*") if path.is_file()]
    assert written
    texts = {str(path): path.read_text(errors="replace") for path in written}
    texts["log"] = "\n".join(lines)
    return [where for where, text in texts.items() for secret in secrets if secret in text]


async def test_a_deployment_ends_with_the_wanted_in_place_and_nothing_else(site):
    worker = site.start_worker()
    queued = await site.deploy()

    job = await site.ended(queued.job_id)

    tenant = await site.shown()
    assert (job.status, job.error, job.attempt, job.fence) == ("succeeded", None, 1, 1)
    assert tenant.deployment.applied_hash == tenant.wanted_hash
    assert (tenant.status, tenant.deployment_status) == ("ready", "ready")
    assert tenant.deployment.ca_pin == "the-pin"
    assert steps_of(site.journal, 1) == WHOLE
    assert job.progress == {"done": 2, "total": 2, "task": "The pin of the tenant's authority"}
    assert (site.survivors(), site.folders()) == ([], [])
    given = {path.name for path in (site.playbooks / "given").iterdir()}
    assert given == {
        "license.jwt",
        "billing-api-key",
        "license-public-key.pem",
        "service-public-key.pem",
    }
    log = await site.built.parts.jobs.log(queued.job_id, after=0, limit=1000)
    assert any("TASK [A step]" in line.line for line in log)
    assert leaks(site, [line.line for line in log]) == []
    worker.terminate()
    assert worker.wait(10) == 0


@pytest.mark.parametrize("earlier", [1, 40])
async def test_the_total_is_what_was_done_whatever_the_last_run_had_to_do(site, earlier):
    site.start_worker()
    first = await site.ended((await site.deploy()).job_id)
    await site.set_tasks_done(first.id, earlier)

    job = await site.ended((await site.deploy()).job_id)

    assert job.status == "succeeded"
    assert (job.progress["done"], job.progress["total"]) == (2, 2)


async def brought_to(site, point, fence, job_id):
    """Wait until the last worker's run is at ``point``; return what holds it there."""
    held = await site.hold_deployments() if point == "claimed" else None
    if not site.workers:
        site.start_worker()
    if point == "claimed":
        await site.claimed(job_id, fence)
    elif point == "not written":
        await site.until(lambda: [str(fence), "begin", "three"] in site.journal)
        held = await site.hold_deployments()
        await site.until(lambda: [str(fence), "end", "three"] in site.journal)
        await site.until(lambda: site.survivors() == [])
    else:
        await site.until(lambda: [str(fence), *point.split()] in site.journal)
    return held


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_another_worker_does_the_job_once_to_the_end(site, number):
    for round_, point in enumerate(POINTS):
        lost, done = 2 * round_ + 1, 2 * round_ + 2
        queued = await site.deploy()
        held = await brought_to(site, point, lost, queued.job_id)
        first = site.workers[-1]
        first.send_signal(number)
        lease = await site.lease_of(queued.job_id)
        if held is not None:
            await held.close()
        second = site.start_worker()

        job = await site.ended(queued.job_id)

        assert (job.status, job.fence, job.failures) == ("succeeded", done, 0), point
        assert job.started_at >= lease, point
        assert steps_of(site.journal, done) == WHOLE, point
        numbers = [int(line[0]) for line in site.journal]
        assert numbers == sorted(numbers), point
        tenant = await site.shown()
        assert tenant.deployment.applied_hash == tenant.wanted_hash, point
        assert site.survivors() == [], point
        first.send_signal(signal.SIGCONT)
        first.terminate()
        assert first.wait(15) in {0, -signal.SIGKILL}
        assert second.poll() is None, point
        assert site.folders() == [], point
        assert (await site.shown()).deployment.applied_hash == tenant.wanted_hash, point


async def test_a_worker_that_is_told_to_stop_gives_its_job_back_untried(site):
    first, queued = site.start_worker(), await site.deploy()
    await site.until(lambda: ["1", "begin", "two"] in site.journal)
    first.terminate()
    assert first.wait(15) == 0
    assert (site.survivors(), site.folders()) == ([], [])
    site.start_worker()

    job = await site.ended(queued.job_id)

    assert (job.status, job.attempt, job.failures, job.fence) == ("succeeded", 1, 0, 2)


async def test_three_tries_then_the_error_of_the_task_and_a_retry_begins_anew(site):
    broken = site.playbooks / "broken"
    broken.write_text("no such host")
    site.start_worker()
    queued = await site.deploy()

    job = await site.ended(queued.job_id)

    assert (job.status, job.attempt, job.failures) == ("failed", 3, 3)
    assert job.error == "A step (three): non-zero return code: no such host"
    tenant = await site.shown()
    assert (tenant.status, tenant.deployment.error) == ("failed", job.error)
    assert tenant.deployment.applied_hash is None
    broken.unlink()
    assert (await site.built.parts.jobs.retry(job.id, "admin")).status == "queued"
    assert (await site.ended(job.id)).status == "succeeded"
    assert (await site.shown()).status == "ready"


async def test_a_tenant_that_the_inventory_does_not_hold_is_a_failure(site):
    inventory = site.playbooks.parent / "inventories" / "billing" / "tenants.yml"
    inventory.write_text(json.dumps({"tenants": {"hosts": {"somebody": {}}}}))
    site.start_worker()

    job = await site.ended((await site.deploy()).job_id)

    assert job.status == "failed"


async def test_a_canceled_run_is_stopped_with_all_that_it_started(site):
    site.start_worker()
    queued = await site.deploy()
    await site.until(lambda: ["1", "begin", "one"] in site.journal)
    await site.built.parts.jobs.cancel(queued.job_id, "admin")

    job = await site.ended(queued.job_id)

    assert job.status == "canceled"
    assert (site.survivors(), site.folders()) == ([], [])
    assert (await site.shown()).status == "pending"


async def test_removal_runs_after_what_runs_and_frees_the_address(site):
    site.start_worker()
    await site.deploy()
    await site.until(lambda: ["1", "begin", "one"] in site.journal)
    removal = await site.built.parts.tenants.remove(site.tenant.customer.id, "test", "admin")
    assert (await site.shown()).state == "absent"

    job = await site.ended(removal.job_id)

    assert (job.kind, job.status, job.fence) == ("delete", "succeeded", 2)
    assert (site.playbooks / "state").read_text() == "absent"
    tenant = await site.shown()
    assert (tenant.status, tenant.deployment) == ("removed", None)
