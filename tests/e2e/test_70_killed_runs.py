"""`./run demo` killed at ten points of one site, one after the other; the last run ends well."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from .conftest import make
from .demo_site import wait_for
from .test_10_demo import unchanged

POINTS = (2, 5, 8, 12, 16, 21, 26, 30, 34, 38)


@pytest.fixture(scope="module")
def victim():
    made = make("killed", "127.79.0.0/24")
    yield made
    made.run("destroy")


def run_until(site, tasks: int) -> bool:
    """Start a run and kill it at the given task; False when it ended before."""
    process = site.start()
    seen = 0
    for line in process.stdout:
        seen += line.startswith("TASK [")
        if seen == tasks:
            break
    else:
        process.stdout.close()
        process.wait()
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.read()
    process.stdout.close()
    process.wait()
    return True


def test_killed_at_ten_points(victim):
    killed = [run_until(victim, point) for point in POINTS]
    assert sum(killed) >= 8, killed
    last = victim.run()
    assert last.returncode == 0, last.stdout[-6000:]
    assert unchanged(victim.run().stdout)


def test_a_second_run_waits_for_the_first(victim):
    first = victim.start()
    wait_for(lambda: "TASK [" in first.stdout.readline())
    second = victim.start()
    told = second.stdout.readline()
    assert "waiting" in told, told
    first.communicate(timeout=300)
    output = second.communicate(timeout=300)[0]
    assert first.returncode == 0
    assert second.returncode == 0
    assert unchanged(output)
