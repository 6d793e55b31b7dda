"""What people ask for at the device, done by the reconcile loop on a real engine."""

import pytest

from edge.agent.tests.device import app, applied
from edge.agent.tests.steering import ask, becomes, iotctl, listening, running, told

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def reported(tenant, name: str = "one") -> dict:
    return tenant.sections["apps"]["app"]["services"][f"id-{name}"]


def life(device, name: str = "one") -> tuple[str, str]:
    container = device.containers()[name][0]
    return container, device.host.docker("inspect", "-f", "{{.State.StartedAt}}", container)


def test_a_stop_lasts_until_it_is_given_back(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, two={}))
    container = device.containers()["one"][0]
    done = iotctl(device, "services", "stop", "id-one", "--reason", "a look inside")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "id-one: stopped, stopped by ana until it is given back: a look inside",
        f"  stop container {device.name('one')} (service id-one)",
    ]
    device.settles(one="exited", two="running")
    tenant.wait_for(lambda: reported(tenant)["state"] == "exited")
    assert reported(tenant)["localOverride"] == {
        "state": "stopped", "owner": "ana", "reason": "a look inside",
    }  # fmt: skip
    assert applied(tenant, 1), "what is held is as wanted"
    assert "stopped by ana" in iotctl(device, "services", "list").stdout
    assert "stopped by ana" in iotctl(device, "services", "info", "id-one").stdout
    again = told(device, "services", "stop", "id-one")
    assert again["steps"] == [], "asked for twice, there is nothing to do"
    device.kill()
    listening(device)
    becomes(lambda: "stopped by ana" in iotctl(device, "services", "list").stdout)
    assert device.states() == {"one": "exited", "two": "running"}
    assert told(device, "services", "give-back", "id-one")["services"] == [
        {"serviceId": "id-one", "wantedState": "running", "override": None}
    ]
    device.settles(one="running", two="running")
    tenant.wait_for(lambda: "localOverride" not in reported(tenant))
    assert device.containers()["one"][0] == container


def test_an_override_ends_by_itself(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}))
    found = told(device, "services", "pause", "id-one", "--for", "2", "--owner", "cleaner")
    assert found["services"][0]["override"]["owner"] == "cleaner"
    device.settles(one="paused")
    device.settles(one="running")
    becomes(lambda: "localOverride" not in told(device, "services", "info", "id-one"))


def test_the_targets_own_word_for_the_service_ends_an_override(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, two={}))
    assert iotctl(device, "services", "stop", "id-one").returncode == 0
    device.settles(one="exited", two="running")
    tenant.set_apps(app(busybox, one={}, two={"state": "stopped"}), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert device.states() == {"one": "exited", "two": "exited"}, "another service's state doesn't"
    tenant.set_apps(app(busybox, one={"state": "paused"}, two={}), 3)
    device.settles(one="paused", two="running")
    tenant.wait_for(lambda: applied(tenant, 3))
    tenant.set_apps(app(busybox, one={}, two={}), 4)
    device.settles(one="running", two="running")
    tenant.wait_for(lambda: "localOverride" not in reported(tenant))


def test_all_states_and_back_keep_the_container(device, tenant, busybox):
    running(device, tenant, app(busybox, one={"state": "stopped"}))
    container = device.containers()["one"][0]
    for action, state in (
        ("start", "running"), ("pause", "paused"), ("unpause", "running"), ("stop", "exited"),
        ("pause", "paused"), ("start", "running"), ("give-back", "exited"),
    ):  # fmt: skip
        assert iotctl(device, "services", action, "id-one").returncode == 0
        device.settles(one=state)
    assert device.containers()["one"][0] == container


def test_a_restart_is_done_once_whatever_cuts_in(device, tenant, busybox):
    quick = {"config": {"stopGracePeriod": "1s"}}
    running(device, tenant, app(busybox, one=quick, two=quick))
    container, started = life(device)
    done = iotctl(device, "services", "restart", "id-one")
    assert f"restart container {device.name('one')}" in done.stdout
    device.kill()
    device.start()
    becomes(lambda: life(device)[1] > started and device.states()["one"] == "running")
    tenant.wait_for(lambda: len(tenant.requests) > 3)
    once = life(device)
    assert once[0] == container, "it keeps its container"
    other = life(device, "two")
    tenant.set_apps(app(busybox, one=quick, two=quick), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert (life(device), life(device, "two")) == (once, other)
    assert not [e for e in device.log() if e["event"] == "restarted_by_probe"]
    assert iotctl(device, "apps", "restart", "app").returncode == 0
    becomes(lambda: life(device)[1] > once[1] and life(device, "two")[1] > other[1])


def test_a_whole_app_stops_and_comes_back(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, two={}))
    assert iotctl(device, "apps", "stop", "app").returncode == 0
    device.settles(one="exited", two="exited")
    assert iotctl(device, "apps", "start", "app").returncode == 0
    device.settles(one="running", two="running")
    tenant.wait_for(lambda: "localOverride" not in reported(tenant))


def keeping(image: str) -> dict:
    script = "echo x >> /data/lines; exec sleep 100000"
    config = {"command": ["sh", "-c", script], "volumes": ["data:/data"], "stopGracePeriod": "1s"}
    return app(image, one={"config": config}, two={})


def lines(device) -> str:
    """How often its container was started since the volume was empty; "" while none runs."""
    try:
        words = ("/bin/busybox", "wc", "-l", "/data/lines")
        found = device.host.docker("exec", device.name("one"), *words)
    except AssertionError:
        return ""
    return found.split()[0]


def test_a_purge_empties_the_volumes_and_the_app_comes_back(device, tenant, busybox):
    running(device, tenant, keeping(busybox))
    assert iotctl(device, "services", "restart", "id-one").returncode == 0
    becomes(lambda: lines(device) == "2")
    before = device.containers()
    assert iotctl(device, "apps", "purge", "app").returncode == 2, "nobody is there to be asked"
    assert device.containers() == before
    done = iotctl(device, "apps", "purge", "app", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"remove volume, with its data {device.name('data')}" in done.stdout
    becomes(lambda: device.containers().get("one", ("",))[0] not in ("", before["one"][0]))
    device.settles(one="running", two="running")
    becomes(lambda: lines(device) == "1")
    assert device.containers()["two"][0] != before["two"][0]
    tenant.wait_for(lambda: applied(tenant, 1) and reported(tenant)["state"] == "running")
    kept = life(device)
    tenant.set_apps(keeping(busybox), 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert life(device) == kept, "it isn't purged again"


def test_a_purge_that_is_cut_goes_on(device, tenant, busybox):
    running(device, tenant, keeping(busybox))
    user = device.host.docker(
        "run", "-d", "-v", f"{device.name('data')}:/d", busybox, "sleep", "99"
    )
    try:
        assert iotctl(device, "apps", "purge", "app", "--yes").returncode == 0
        becomes(lambda: (told(device, "apps", "info", "app")["purge"] or {}).get("error"))
        assert device.states() == {}, "it waits for the volume"
        tenant.wait_for(lambda: tenant.sections.get("status") == "failed")
        assert reported(tenant)["state"] == "pending"
        assert "purge waits" in iotctl(device, "apps", "info", "app").stdout
        device.kill()
    finally:
        device.host.docker("rm", "-f", user)
    device.start()
    device.settles(one="running", two="running")
    becomes(lambda: lines(device) == "1")
    tenant.wait_for(lambda: applied(tenant, 1))
    assert told(device, "apps", "info", "app")["purge"] is None


def test_what_failed_before_keeps_nobody_waiting(device, tenant, busybox):
    probe = {"exec": {"command": ["/bin/busybox", "false"]}, "periodSeconds": 1,
             "failureThreshold": 1}  # fmt: skip
    tenant.set_apps(app(busybox, one={"config": {"livenessProbe": probe}}), 1)
    device.start()
    becomes(lambda: "restarted_by_probe" in {line["event"] for line in device.log()})
    assert iotctl(device, "services", "stop", "id-one").returncode == 0
    device.settles(6.0, one="exited")  # its next try would be after 8.5 s at the least


def test_a_newer_target_comes_in_the_middle_of_a_purge(device, tenant, busybox):
    running(device, tenant, keeping(busybox))
    user = device.host.docker(
        "run", "-d", "-v", f"{device.name('data')}:/d", busybox, "sleep", "99"
    )
    try:
        assert iotctl(device, "apps", "purge", "app", "--yes").returncode == 0
        becomes(lambda: (told(device, "apps", "info", "app")["purge"] or {}).get("error"))
        newer = keeping(busybox)
        newer["app"]["services"][0]["config"]["labels"] = {"release": "2"}
        newer["app"]["services"][1]["state"] = "stopped"
        tenant.set_apps(newer, 2)
        tenant.wait_for(lambda: tenant.sections.get("targetVersion") == 2)
        assert device.states() == {}, "nothing comes back before the data is gone"
    finally:
        device.host.docker("rm", "-f", user)
    device.settles(30.0, one="running", two="created")
    becomes(lambda: lines(device) == "1")
    tenant.wait_for(lambda: applied(tenant, 2))


def test_a_dropped_service_drops_its_override(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, two={}))
    assert iotctl(device, "services", "stop", "id-one").returncode == 0
    device.settles(one="exited", two="running")
    for version, services in ((2, {"two": {}}), (3, {"one": {}, "two": {}})):
        tenant.set_apps(app(busybox, **services), version)
        tenant.wait_for(lambda v=version: applied(tenant, v))
    device.settles(one="running", two="running")


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("services/nothing/stop", None, 404, None),
        ("services/id-two/stop", None, 409, None),
        ("services/id-one/unpause", None, 409, None),
        ("services/id-one/jump", None, 404, None),
        ("apps/nothing/stop", None, 404, None),
        ("apps/app/purge", None, 409, None),
        ("services/id-one/stop", b"{", 400, None),
        ("services/id-one/stop", b"[]", 422, ""),
        ("services/id-one/stop", {"force": True}, 422, "/force"),
        ("services/id-one/stop", {"ttlSeconds": 0}, 422, "/ttlSeconds"),
        ("services/id-one/stop", {"ttlSeconds": True}, 422, "/ttlSeconds"),
        ("services/id-one/stop", {"ttlSeconds": "60"}, 422, "/ttlSeconds"),
        ("services/id-one/stop", {"owner": "a b"}, 422, "/owner"),
        ("services/id-one/stop", {"owner": "ana\n"}, 422, "/owner"),
        ("services/id-one/stop", {"reason": "a\u001b[2J"}, 422, "/reason"),
        ("services/id-one/stop", {"reason": "x" * 257}, 422, "/reason"),
        ("services/id-one/restart", {"ttlSeconds": 60}, 422, "/ttlSeconds"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(steered, path, body, status, pointer):
    found, problem = ask(steered, "POST", f"/v2/{path}", body)
    assert found == status, problem
    pointers = [each["pointer"] for each in problem.get("errors", ())]
    assert pointers == ([] if pointer is None else [pointer])
    assert steered.states() == {"one": "running"}
    assert "localOverride" not in told(steered, "services", "info", "id-one")


@pytest.fixture
def steered(device, tenant, busybox):
    """One service that runs, and one that the policy refuses."""
    running(device, tenant, app(busybox, one={}, two={"config": {"privileged": True}}))
    return device
