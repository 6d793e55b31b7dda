"""The agent's process pulls: killed, stopped, told otherwise in the middle."""

import json
import os
import time

import pytest

from edge.agent.tests.device import app, applied
from tests.fixtures.bad_link import bad_link
from tests.fixtures.images import Writer, busybox_layer, layer

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

MIB = 2**20


@pytest.fixture
def writer(registry) -> Writer:
    return Writer(registry.address)


@pytest.fixture
def link(registry):
    with bad_link(registry.address) as made:
        yield made


@pytest.fixture
def pushed(writer, docker_engine):
    """An image of 10 MiB that nobody has."""
    made = writer.image("test/agent", busybox_layer(), layer({"f": os.urandom(10 * MIB)}))
    yield made
    docker_engine.docker("image", "prune", "--force")


def through(link, reference: str) -> str:
    return f"{link.address}/{reference.partition('/')[2]}"


def images_of(device) -> list[str]:
    return sorted(each.name for each in (device.folder / "state" / "images").iterdir())


def wait_until(holds, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it doesn't become so"
        time.sleep(0.05)


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_kill_9_in_the_middle_goes_on_from_the_disk(device, tenant, pushed, link, by):
    reference = through(link, pushed.reference if by == "tag" else pushed.by_digest)
    tenant.set_apps(app(reference, one={}), 1)
    link.hold_after = 5 * MIB
    device.start()
    assert link.held.wait(30)
    device.kill()
    link.hold_after = None
    link.cut()
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    service = tenant.sections["apps"]["app"]["services"]["id-one"]
    assert service["imageDigest"] == pushed.digest
    assert link.passed <= 1.05 * pushed.size
    assert images_of(device) == ["images.json"]
    device.kill()
    device.start()
    tenant.set_apps(app(reference, one={}), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert link.passed <= 1.05 * pushed.size, "nothing came again"


def test_it_ends_at_once_while_a_registry_is_silent(device, tenant, pushed, link):
    tenant.set_apps(app(through(link, pushed.reference), one={}), 1)
    link.hold_after = 5 * MIB
    device.start()
    assert link.held.wait(30)
    before = time.monotonic()
    assert device.stop() == 0
    assert time.monotonic() - before < 5


def test_a_pull_that_nobody_wants_any_more_ends_and_leaves_nothing(
    device, tenant, pushed, link, busybox
):
    tenant.set_apps(app(through(link, pushed.reference), one={}), 1)
    link.hold_after = 5 * MIB
    device.start()
    assert link.held.wait(30)
    assert len(images_of(device)) > 1
    tenant.set_apps(app(busybox, one={}), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    wait_until(lambda: any(line["event"] == "pull_stopped" for line in device.log()))
    wait_until(lambda: images_of(device) == ["images.json"])
    table = json.loads((device.folder / "state" / "images" / "images.json").read_text())
    assert set(table["loaded"]) <= {busybox}, "it may have been on the engine already"
    assert table["pulls"] == {}


def test_always_looks_a_tag_up_for_each_target(device, tenant, writer, docker_engine):
    first = writer.image("test/always", busybox_layer(), layer({"f": os.urandom(1000)}))
    wanted = app(first.reference, one={"pullPolicy": "always"})
    tenant.set_apps(wanted, 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    tenant.set_apps({**wanted, "other": {"appId": "other", "appName": "o", "services": []}}, 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert device.containers() == before
    second = writer.image("test/always", busybox_layer(), layer({"f": os.urandom(2000)}))
    tenant.set_apps(wanted, 3)

    def has_the_second() -> bool:
        service = tenant.sections["apps"]["app"]["services"].get("id-one", {})
        return applied(tenant, 3) and service.get("imageDigest") == second.digest

    tenant.wait_for(has_the_second)
    assert device.containers() != before
