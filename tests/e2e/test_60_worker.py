"""A tenant's job is done once, by one worker, to the end, whatever happens to workers."""

from __future__ import annotations

import os
import signal
import time

import pytest

from .demo_site import wait_for


def deploy(site, tenant) -> str:
    answer = site.admin("POST", f"/api/customers/{tenant.id}/deploy", {"reason": "test"})
    assert answer.status == 202, answer
    return str(answer.body["job_id"])


def job(site, number: str) -> dict:
    return site.admin("GET", f"/api/admin/jobs/{number}").body


def done(site, number: str) -> int:
    """Return how many tasks of a job have ended."""
    return int((job(site, number)["progress"] or {}).get("done", 0))


def lines(site, number: str) -> list[str]:
    items = site.admin("GET", f"/api/admin/jobs/{number}/log?limit=1000").body["items"]
    return [item["line"] for item in items]


def children_of_worker(site) -> list[int]:
    """Return the processes of running deployments."""
    return [pid for pid, command in site.processes().items() if "tenant_apply" in command]


def test_a_job_can_be_followed(site):
    number = deploy(site, site.tenant("acme"))
    wait_for(lambda: job(site, number)["status"] == "succeeded", timeout=120)
    told = "\n".join(lines(site, number))
    assert "The tenant's API" in told
    progress = job(site, number)["progress"]
    assert progress["done"] == progress["total"] > 5


@pytest.mark.parametrize("step", [6, 22])
def test_a_killed_worker(site, step):
    """The Ansible that it started dies with it; the next worker takes over after the lease."""
    number = deploy(site, site.tenant("acme"))
    wait_for(lambda: done(site, number) >= step, timeout=120)
    os.kill(site.pid("billing-worker"), signal.SIGKILL)
    wait_for(lambda: not children_of_worker(site), timeout=20)
    wait_for(lambda: job(site, number)["status"] == "succeeded", timeout=240, step=1)
    assert job(site, number)["attempt"] == 2
    assert site.call("GET", f"{site.tenant('acme').url}/health/ready").status == 200


def test_a_worker_stopped_past_its_lease(site):
    """It has lost the job by then, whatever its Ansible came to: the job is done anew, once."""
    number = deploy(site, site.tenant("globex"))
    wait_for(lambda: done(site, number) >= 3, timeout=120)
    worker = site.pid("billing-worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        time.sleep(62)
        assert not children_of_worker(site)
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for(lambda: job(site, number)["status"] == "succeeded", timeout=240, step=1)
    assert job(site, number)["attempt"] == 2
    fence = site.state / "tenants" / site.tenant("globex").short_id / "fence"
    assert int(fence.read_text()) == job(site, number)["fence"]
