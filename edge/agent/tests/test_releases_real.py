"""Releases on a real engine: tried, kept or left; probes; update strategies; holds."""

import json
import sqlite3
import time

import pytest

from edge.agent.tests.device import app, applied

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

NEVER = {"healthcheck": {"test": ["CMD", "false"], "interval": "200ms", "retries": 2}}
LONG = {"HEALTH_WINDOW_MS": "1500"}
MOMENT = {"periodSeconds": 1, "timeoutSeconds": 1}


def ends(device, **services) -> dict[str, str]:
    """The container's ids by service, once all of ``services`` are in that state."""
    device.settles(**services)
    return {name: container for name, (container, _) in device.containers().items()}


def told(tenant, **sections) -> None:
    tenant.wait_for(lambda: all(tenant.sections.get(k) == v for k, v in sections.items()))


def variable(device, service: str, name: str) -> str | None:
    inspected = json.loads(device.host.docker("inspect", device.name(service)))[0]
    found = (each.partition("=") for each in inspected["Config"]["Env"])
    return next((value for key, _, value in found if key == name), None)


def with_release(number: int, **config) -> dict:
    return {"config": {"environment": {"RELEASE": str(number)}, **config}}


def test_a_release_that_gets_unhealthy_is_left_for_the_last_one(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1), two=with_release(1)), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    kept = device.containers()["two"]
    tenant.set_apps(app(busybox, one=with_release(2, **NEVER), two=with_release(1)), 2)
    told(tenant, status="rolled_back", targetVersion=2, appliedVersion=1, failedVersion=2)
    assert tenant.sections["failure"] == {
        "type": "health",
        "message": "one: the container is unhealthy",
    }
    device.settles(one="running", two="running")
    assert variable(device, "one", "RELEASE") == "1"
    assert device.containers()["two"] == kept, "what the release didn't change was left alone"
    device.stop()
    device.start()
    told(tenant, status="rolled_back", failedVersion=2)
    assert variable(device, "one", "RELEASE") == "1", "it isn't tried again after a restart"
    tenant.set_apps(app(busybox, one=with_release(3), two=with_release(1)), 3)
    tenant.wait_for(lambda: applied(tenant, 3))
    assert variable(device, "one", "RELEASE") == "3"
    told(tenant, failure=None, failedVersion=None)


def test_a_release_that_ends_by_itself_is_left(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1)), 1)
    device.start(**LONG)
    tenant.wait_for(lambda: applied(tenant, 1))
    tenant.set_apps(app(busybox, one=with_release(2, command=["false"])), 2)
    told(tenant, status="rolled_back", appliedVersion=1, failedVersion=2)
    device.settles(one="running")
    assert variable(device, "one", "RELEASE") == "1"


def test_a_release_that_is_never_healthy_is_left_when_its_time_is_over(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1)), 1)
    device.start(HEALTH_TIMEOUT_MS="1000")
    tenant.wait_for(lambda: applied(tenant, 1))
    waits = {"readinessProbe": {"tcp": {"port": 81}, "failureThreshold": 1, **MOMENT}}
    tenant.set_apps(app(busybox, one=with_release(2, **waits)), 2)
    told(tenant, status="rolled_back", failedVersion=2)
    assert tenant.sections["failure"]["message"].startswith("one not healthy after ")


def test_the_first_release_has_nothing_to_go_back_to(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1, **NEVER)), 1)
    device.start()
    told(tenant, status="failed", failedVersion=1)
    assert tenant.sections.get("appliedVersion") is None
    assert tenant.sections["failure"]["type"] == "health"
    tenant.set_apps(app(busybox, one=with_release(2)), 2)
    tenant.wait_for(lambda: applied(tenant, 2))


def test_a_failed_pull_leaves_the_old_one_running_and_is_no_failed_release(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1)), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    tenant.set_apps(app("127.0.0.1:9/none:1", one=with_release(2)), 2)
    told(tenant, status="failed", failedVersion=2, appliedVersion=1)
    assert tenant.sections["failure"]["type"] == "pull"
    assert device.containers() == before


@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 2.0])
def test_a_kill_in_the_middle_ends_in_the_old_or_the_new_set(device, tenant, busybox, delay):
    tenant.set_apps(app(busybox, one=with_release(1), two=with_release(1)), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    tenant.set_apps(app(busybox, one=with_release(2), two=with_release(2, **NEVER)), 2)
    time.sleep(delay)
    device.kill()
    device.start()
    told(tenant, status="rolled_back", appliedVersion=1, failedVersion=2)
    device.settles(one="running", two="running")
    assert {variable(device, name, "RELEASE") for name in ("one", "two")} == {"1"}


def test_a_stop_by_a_person_is_no_release(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}, two={}), 1)
    device.start(HEALTH_WINDOW_MS="60000", HEALTH_TIMEOUT_MS="600000")
    device.settles(one="running", two="running")
    told(tenant, status="applying")
    device.stop()
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    tenant.set_apps(app(busybox, one={"state": "stopped"}, two={}), 2)
    tenant.wait_for(lambda: applied(tenant, 2))


def test_a_committed_release_keeps_its_image_when_the_tag_moves(device, tenant, busybox):
    moving = f"{busybox.rpartition(':')[0]}:moving"
    device.host.docker("tag", busybox, moving)
    tenant.set_apps(app(moving, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    was = json.loads(device.host.docker("inspect", device.name("one")))[0]["Image"]
    device.host.docker("commit", device.name("one"), moving)
    device.host.docker("rm", "-f", device.name("one"))
    device.settles(one="running")
    assert json.loads(device.host.docker("inspect", device.name("one")))[0]["Image"] == was


def test_hand_over_runs_both_until_the_new_one_is_healthy(device, tenant, busybox):
    strategy = {"updateStrategy": "hand-over"}
    slow = {
        "healthcheck": {
            "test": ["CMD-SHELL", "test -e /ready"],
            "interval": "200ms",
            "retries": 1000,
        }
    }
    tenant.set_apps(app(busybox, one={**with_release(1), **strategy}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    old = device.containers()["one"][0]
    tenant.set_apps(app(busybox, one={**with_release(2, **slow), **strategy}), 2)
    device.settles(one="running", old="running")
    assert device.containers()["old"][0] == old
    device.host.docker("exec", device.name("one"), "busybox", "touch", "/ready")
    tenant.wait_for(lambda: applied(tenant, 2))
    device.settles(one="running")


def test_a_liveness_probe_that_fails_restarts_the_container_and_waits_longer(
    device, tenant, busybox
):
    probe = {"exec": {"command": ["sh", "-c", "test -e /alive"]}, "failureThreshold": 1, **MOMENT}
    config = {"command": ["sh", "-c", "touch /alive; exec sleep 1000"], "livenessProbe": probe}
    tenant.set_apps(app(busybox, one={"config": config}), 1)
    device.start(HEALTH_WINDOW_MS="1500")
    tenant.wait_for(lambda: applied(tenant, 1))
    container = device.containers()["one"][0]

    def started() -> str:
        return device.host.docker("inspect", "-f", "{{.State.StartedAt}}", container).strip()

    first = started()
    device.host.docker("exec", container, "busybox", "rm", "/alive")
    tenant.wait_for(lambda: started() != first)
    device.settles(one="running")
    assert device.containers()["one"][0] == container, "the container is the same"
    events = [line["event"] for line in device.log()]
    assert events.count("restarted_by_probe") == 1


def test_startup_comes_before_liveness_and_readiness_is_health(device, tenant, busybox):
    serve = "sleep 2; mkdir -p /www; echo ok > /www/ready; exec httpd -f -p 8000 -h /www"
    config = {
        "command": ["sh", "-c", serve],
        "startupProbe": {"tcp": {"port": 8000}, "failureThreshold": 30, **MOMENT},
        "livenessProbe": {"tcp": {"port": 8000}, "failureThreshold": 1, **MOMENT},
        "readinessProbe": {"http": {"port": 8000, "path": "/ready"}, **MOMENT},
    }
    after = {"config": {"dependsOn": {"one": "healthy"}}}
    tenant.set_apps(app(busybox, one={"config": config}, two=after), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.settles(one="running", two="running")
    assert tenant.sections["apps"]["app"]["services"]["id-one"]["health"] == "healthy"
    assert [line["event"] for line in device.log()].count("restarted_by_probe") == 0


def test_outside_its_window_an_update_waits_and_a_stop_does_not(device, tenant, busybox):
    hours = [time.strftime("%H:%M", time.gmtime(time.time() + 3600 * n)) for n in (2, 3)]
    window = {"updateWindow": {"start": hours[0], "end": hours[1]}}
    tenant.set_apps(app(busybox, one=with_release(1), two=with_release(1)), 1, **window)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    newer = {"state": "stopped", **with_release(1)}
    tenant.set_apps(app(busybox, one=with_release(2), two=newer), 2, **window)
    told(tenant, status="held", targetVersion=2, appliedVersion=1)
    device.settles(one="running", two="exited")
    assert variable(device, "one", "RELEASE") == "1"
    tenant.set_apps(app(busybox, one=with_release(3), two={"state": "stopped"}), 3)
    tenant.wait_for(lambda: applied(tenant, 3))


def test_a_lease_holds_an_update_until_it_ends(device, tenant, busybox):
    tenant.set_apps(app(busybox, one=with_release(1)), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.stop()
    with sqlite3.connect(device.folder / "state/device.sqlite") as database:
        until = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 4))
        database.execute("INSERT INTO leases VALUES ('press', 'printing', ?, 60)", (until,))
    database.close()
    tenant.set_apps(app(busybox, one=with_release(2)), 2)
    device.start()
    told(tenant, status="held", targetVersion=2, appliedVersion=1)
    tenant.wait_for(lambda: applied(tenant, 2))
