"""Two demos beside each other don't meet: what breaks or goes in one is nothing to the other."""

from __future__ import annotations

import pytest

from .conftest import make
from .demo_site import wait_for
from .test_15_demo_commands import demo, is_well


@pytest.fixture(scope="module")
def other():
    """A second site, with the same tenants and devices."""
    made = make("other", "127.81.0.0/24")
    yield made
    if made.state.exists():
        made.run("destroy")


def what_runs(site):
    """Return processes, containers and networks of a site: nothing of it was started anew."""
    marked = f"label=iotistic.site={site.id}"
    containers = site.docker(
        "ps", "-a", "--no-trunc", "--filter", marked, "--format", "{{.ID}} {{.State}}"
    )
    networks = site.docker("network", "ls", "-q", "--filter", marked)
    return set(site.processes()), set(containers.split("\n")), set(networks.split())


def test_two_sites_do_not_meet(site, other):
    wait_for(lambda: is_well(site))
    before = what_runs(site)
    assert len(before[0]) > 20
    made = other.run()
    assert made.returncode == 0, made.stdout[-6000:]
    assert "The first device, " in made.stdout
    wait_for(lambda: is_well(other))
    assert not what_runs(other)[0] & before[0]
    for fault in ("container", "broker", "database"):
        broken = demo(other, "break", fault)
        assert broken.returncode == 0, broken.stdout + broken.stderr
    assert demo(other, "stop").returncode == 0
    assert (other.processes(), is_well(site)) == ({}, True)
    removed = other.run("destroy")
    assert removed.returncode == 0, removed.stdout[-4000:]
    assert not other.state.exists()
    assert demo(other, "status").returncode == 3
    assert what_runs(site) == before
    assert is_well(site)
