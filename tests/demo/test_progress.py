"""Billing's jobs as lines: what is new at each look."""

from __future__ import annotations

from tools.demo.progress import JobLines

NAMES = {"cust_1": "acme"}


def job(status, *, done=0, task=None, kind="deploy", error=None, number="1"):
    return {
        "id": number, "kind": kind, "customer_id": "cust_1", "status": status, "error": error,
        "progress": {"done": done, "total": None, "task": task} if task else None,
    }  # fmt: skip


def test_a_job_is_told_as_it_goes_on():
    lines = JobLines(each_task=True)
    assert lines.news([], NAMES) == []
    assert lines.news([job("queued")], NAMES) == ["  acme: deploying: queued"]
    assert lines.news([job("queued")], NAMES) == []
    running = job("running", done=3, task="The tenant's database")
    assert lines.news([running], NAMES) == [
        "  acme: deploying: running",
        "  acme: 3  The tenant's database",
    ]
    assert lines.news([running], NAMES) == []
    assert lines.news([job("succeeded", done=4, task="x")], NAMES) == ["  acme: deploying: done"]


def test_where_nobody_watches_only_beginning_and_end_are_told():
    lines = JobLines(each_task=False)
    lines.news([], NAMES)
    told = [
        *lines.news([job("running", done=3, task="one")], NAMES),
        *lines.news([job("running", done=4, task="two")], NAMES),
        *lines.news([job("failed", error="no room")], NAMES),
    ]
    assert told == ["  acme: deploying: running", "  acme: deploying: failed (no room)"]


def test_jobs_that_had_ended_before_and_other_kinds_are_not_told():
    lines = JobLines(each_task=True)
    assert lines.news([job("succeeded"), job("queued", kind="mail", number="2")], NAMES) == []
    assert lines.news([job("succeeded"), job("failed", number="3")], NAMES) == [
        "  acme: deploying: failed"
    ]
