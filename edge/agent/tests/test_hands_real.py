"""Hands on the engine, while the agent runs: it is put right, and nothing foreign touched."""

import json

import pytest

from edge.agent.tests.device import app, applied

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
def running(device, tenant, busybox):
    """A device with two services running, that looks by itself once a minute only."""
    tenant.set_apps(app(busybox, one={}, two={}), 1, settings={"reconcileIntervalMs": 60_000})
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    return device


def test_a_renamed_container_gets_its_name_back_by_a_new_one(running):
    running.host.docker("rename", running.name("one"), f"x-{running.name('one')}")
    running.settles(seconds=10, one="running", two="running")
    assert len(running.containers()) == 2


def test_a_disconnected_container_is_connected_again(running):
    network = f"iot-{running.uuid[:8]}-app-default"
    running.host.docker("network", "disconnect", network, running.name("one"))

    def connected() -> bool:
        found = running.host.docker("inspect", running.name("one"), missing_is_fine=True)
        return bool(found) and network in json.loads(found)[0]["NetworkSettings"]["Networks"]

    running.until(connected)
    running.settles(one="running", two="running")


def test_a_container_with_a_forged_label_is_left_alone(running, busybox):
    label = f"iotistic.device={running.uuid}"
    foreign = running.host.docker("run", "-d", "--label", label, busybox)
    running.host.docker("rm", "-f", running.name("one"))
    running.settles_own(one="running", two="running")
    state = running.host.docker("inspect", "-f", "{{.State.Status}}", foreign)
    assert state == "running"


def test_a_container_that_claims_a_service_is_no_second_one(running, busybox):
    """Whoever forges all that marks a container says that it is the agent's: it goes."""
    marks = {
        "iotistic.device": running.uuid,
        "iotistic.service-id": "id-one",
        "iotistic.config-hash": "x",
    }
    words = [word for name, text in marks.items() for word in ("--label", f"{name}={text}")]
    before = running.containers()["one"]
    running.host.docker("run", "-d", "--name", f"forged-{running.uuid[:8]}", *words, busybox)
    running.settles(one="running", two="running")
    assert running.containers()["one"] == before


def test_an_image_that_is_taken_away_comes_again_when_it_is_needed(running, busybox):
    running.host.docker("rm", "-f", running.name("one"), running.name("two"))
    running.settles(one="running", two="running")
    running.host.docker("rmi", "-f", busybox)
    running.host.docker("rm", "-f", running.name("one"))
    running.settles(one="running", two="running")
