"""Leases: somebody at the device asks for no updates for a while."""

import pytest

from edge.agent.tests.device import Device, app, applied
from edge.agent.tests.steering import ask, iotctl, listening, running, told

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def release(image: str, number: int) -> dict:
    return app(image, one={"config": {"environment": {"RELEASE": str(number)}}})


def test_a_lease_holds_an_update_until_it_is_released(device, tenant, busybox):
    running(device, tenant, release(busybox, 1))
    before = device.containers()["one"]
    held = iotctl(device, "leases", "hold", "press", "--reason", "a part is in it", "--for", "600")
    assert held.returncode == 0, held.stderr
    tenant.set_apps(release(busybox, 2), 2)
    tenant.wait_for(lambda: tenant.sections.get("status") == "held")
    assert device.containers()["one"] == before
    shown = iotctl(device, "status").stdout
    assert "updates held by  press until " in shown
    assert "a part is in it" in shown
    listed = told(device, "leases", "list")
    assert [row["owner"] for row in listed["leases"]] == ["press"]
    assert listed["heldBy"][0].startswith("press until ")
    assert "updates are held: press until" in iotctl(device, "leases", "list").stdout
    device.kill()
    listening(device)
    assert device.containers()["one"] == before, "a lease outlives the agent"
    assert iotctl(device, "leases", "release", "press").returncode == 0
    tenant.wait_for(lambda: applied(tenant, 2))
    assert device.containers()["one"] != before
    assert iotctl(device, "leases", "release", "press").returncode == 4
    assert iotctl(device, "leases", "list").stdout == "no leases\nupdates may happen\n"


def test_a_lease_ends_by_itself(device, tenant, busybox):
    running(device, tenant, release(busybox, 1))
    assert iotctl(device, "leases", "hold", "--reason", "soon", "--for", "2").returncode == 0
    tenant.set_apps(release(busybox, 2), 2)
    tenant.wait_for(lambda: tenant.sections.get("status") == "held")
    tenant.wait_for(lambda: applied(tenant, 2), 40)
    assert told(device, "leases", "list") == {"leases": [], "heldBy": []}


def test_an_operators_stop_works_under_a_lease(device, tenant, busybox):
    running(device, tenant, release(busybox, 1))
    container = device.containers()["one"][0]
    assert iotctl(device, "leases", "hold", "--reason", "busy").returncode == 0
    tenant.set_apps(release(busybox, 2), 2)
    tenant.wait_for(lambda: tenant.sections.get("status") == "held")
    assert iotctl(device, "services", "stop", "id-one").returncode == 0
    device.settles(one="exited")
    assert iotctl(device, "services", "give-back", "id-one").returncode == 0
    device.settles(one="running")
    assert device.containers()["one"][0] == container


@pytest.fixture(scope="module")
def alone(docker_engine, tmp_path_factory):
    """An agent that has nothing to do but to answer."""
    made = Device(docker_engine, None, tmp_path_factory.mktemp("leases"))
    listening(made)
    yield made
    made.clean()


GOOD = {"owner": "press", "reason": "busy", "ttlSeconds": 60}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"owner": None}, "/owner"),
        ({"owner": "../etc"}, "/owner"),
        ({"owner": ""}, "/owner"),
        ({"owner": "x" * 65}, "/owner"),
        ({"reason": ""}, "/reason"),
        ({"reason": "  "}, "/reason"),
        ({"reason": "a\nb"}, "/reason"),
        ({"ttlSeconds": 0}, "/ttlSeconds"),
        ({"ttlSeconds": 86_401}, "/ttlSeconds"),
        ({"ttlSeconds": 1.5}, "/ttlSeconds"),
        ({"ttlSeconds": True}, "/ttlSeconds"),
        ({"ttlSeconds": "60"}, "/ttlSeconds"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_bodies_are_strict(alone, change, pointer):
    status, problem = ask(alone, "POST", "/v2/leases", {**GOOD, **change})
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    missing = {name: value for name, value in GOOD.items() if name not in change}
    if len(missing) < len(GOOD):
        status, problem = ask(alone, "POST", "/v2/leases", missing)
        assert (status, problem["errors"][0]) == (422, {"pointer": pointer, "detail": "missing"})
    assert ask(alone, "GET", "/v2/leases") == (200, {"leases": [], "heldBy": []})


def test_a_hundred_leases_are_enough(alone):
    for number in range(100):
        lease = {**GOOD, "owner": f"o{number}"}
        assert ask(alone, "POST", "/v2/leases", lease)[0] == 201
    assert ask(alone, "POST", "/v2/leases", {**GOOD, "owner": "one-more"})[0] == 409
    assert ask(alone, "POST", "/v2/leases", {**GOOD, "owner": "o7"})[0] == 201
    for number in range(100):
        assert ask(alone, "DELETE", f"/v2/leases/o{number}")[0] == 200
    assert ask(alone, "DELETE", "/v2/leases/..%2f")[0] == 404
