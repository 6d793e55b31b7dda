"""The whole agent as a process, on a real engine, against a real TLS server."""

import json
import re
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from edge.agent.tests.device import Device, app, applied

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def test_from_a_string_to_three_states(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}, two={"state": "stopped"}, three={"state": "paused"}), 4)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 4))
    device.settles(one="running", two="created", three="paused")
    services = tenant.sections["apps"]["app"]["services"]
    assert {key: each["state"] for key, each in services.items()} == {
        "id-one": "running",
        "id-two": "exited",
        "id-three": "paused",
    }
    assert services["id-one"]["containerId"] == device.containers()["one"][0]
    assert services["id-one"]["imageDigest"].startswith("sha256:")
    assert tenant.sections["pollIntervalMs"] == 200
    assert tenant.sections["targetVersion"] == 4
    polls = [r for r in tenant.requests if r.method == "GET" and r.path.endswith("/state")]
    assert polls[-1].headers["x-iotistic-schema"] == "1"
    assert "if-none-match" in polls[-1].headers
    assert device.stop() == 0


def test_metrics_come_with_the_report_at_their_interval(device, tenant):
    tenant.set_apps({}, 1)
    device.start(METRICS_INTERVAL_MS="500", REPORT_INTERVAL_MS="60000")
    reported = []

    def three_times() -> bool:
        bodies = (each.body for each in tenant.requests if each.method == "PATCH")
        reported[:] = [body for body in bodies if body.get("metrics")]
        return len(reported) >= 3

    tenant.wait_for(three_times)
    metrics = reported[-1]["metrics"]
    assert metrics.keys() >= {"cpu_usage", "memory_usage", "memory_total", "storage_total"}
    assert metrics.keys() >= {"uptime", "load", "top_processes"}
    assert 0 < metrics["network_latency"] < 5000
    assert reported[-1].keys() == {"schema", "stream", "epoch", "sequence", "at", "metrics"}
    assert reported[-1]["sequence"] - reported[-2]["sequence"] == 1
    assert tenant.sections["system"]["hostname"] == socket.gethostname()
    assert tenant.sections["rebootRequired"] in (True, False)


def test_it_stays_below_its_bar_of_memory(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}, two={}), 1)
    device.start(METRICS_INTERVAL_MS="200")
    tenant.wait_for(lambda: applied(tenant, 1) and tenant.sections.get("metrics"))
    rollup = Path(f"/proc/{device.process.pid}/smaps_rollup").read_text()
    pss = int(re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)[1])
    assert pss <= 36 * 1024, f"{pss} kB"


def test_overrides_keep_the_container(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    first = device.containers()["one"][0]
    for version, (state, word) in enumerate(
        [("paused", "paused"), ("stopped", "exited"), ("running", "running")], 2
    ):
        tenant.set_apps(app(busybox, one={"state": state}), version)
        tenant.wait_for(lambda version=version: applied(tenant, version))
        assert device.containers() == {"one": (first, word)}


@pytest.mark.parametrize(
    "hand", [("rm", "-f"), ("stop", "-t0"), ("pause",), ("kill",)], ids=lambda hand: hand[0]
)
def test_drift_is_repaired_on_the_engines_word(device, tenant, busybox, hand):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    for _ in range(4):
        device.host.docker(*hand, device.name("one"))
        device.settles(seconds=5, one="running")


def test_a_container_that_ends_by_itself_is_not_started_for_ever(device, tenant, busybox):
    config = {"restart": "no", "command": ["false"]}
    tenant.set_apps(app(busybox, bad={"config": config}, good={}), 1)
    device.start()
    tenant.wait_for(lambda: tenant.sections.get("failure"))
    bad = tenant.sections["apps"]["app"]["services"]["id-bad"]
    assert bad["state"] == "exited"
    assert bad["error"]["type"] == "start"
    starts = [line for line in device.log() if "StartContainer(service_id='id-bad'" in str(line)]
    assert len(starts) <= 4
    device.settles(good="running", bad="exited")


def test_a_service_that_fails_after_a_while_waits_before_it_begins_again(device, tenant, busybox):
    config = {"restart": "no", "command": ["sh", "-c", "sleep 3; exit 3"]}
    tenant.set_apps(app(busybox, bad={"config": config}), 1)
    device.start()
    tenant.wait_for(lambda: tenant.sections.get("failure"))
    assert tenant.sections["failure"]["type"] == "start"
    assert tenant.sections["failure"]["message"] == "id-bad: the container ended with code 3"
    steps = [each for each in device.log() if each["event"] in ("step_done", "step_failed")]
    assert steps[-1]["event"] == "step_failed"
    assert str(steps).count("StartContainer(service_id='id-bad'") == 2, "one done, one put off"


def test_a_service_that_runs_once_is_applied_when_it_has(device, tenant, busybox):
    once = {"config": {"restart": "no", "command": ["true"]}}
    after = {"config": {"dependsOn": {"once": "completed"}}}
    tenant.set_apps(app(busybox, after=after, once=once), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.settles(after="running", once="exited")


def test_kill_9_is_just_the_next_observation(device, tenant, busybox):
    services = {f"s{n}": {} for n in range(4)}
    tenant.set_apps(app(busybox, **services), 1)
    for delay in (0.4, 0.6, 0.8, 1.0, 1.2, 1.5):
        device.start()
        time.sleep(delay)
        device.kill()
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    assert set(device.states().values()) == {"running"}
    assert len(tenant.registered) >= 1
    epochs = [r.body["epoch"] for r in tenant.requests if r.method == "PATCH"]
    assert epochs == sorted(epochs)


def test_what_runs_stays_while_the_new_image_cannot_be_had(device, tenant, busybox, registry):
    tenant.set_apps(app(busybox, one={}, two={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    missing = app(registry.reference("test/nothing:1"), one={})
    missing["app"]["services"].append(app(busybox, two={"state": "running"})["app"]["services"][0])
    tenant.set_apps(missing, 2)
    tenant.wait_for(lambda: tenant.sections.get("status") == "failed")
    assert tenant.sections["failure"]["type"] == "pull"
    assert tenant.sections["failedVersion"] == 2
    assert tenant.sections["appliedVersion"] == 1
    error = tenant.sections["apps"]["app"]["services"]["id-one"]["error"]
    assert error["type"] == "pull"
    assert error["nextRetry"]
    assert device.containers() == before
    device.host.docker("rm", "-f", device.name("two"))
    device.settles(one="running", two="running")
    tenant.set_apps(app(busybox, one={}, two={}), 3)
    tenant.wait_for(lambda: applied(tenant, 3))
    assert tenant.sections["failure"] is None
    assert device.containers()["one"] == before["one"]


def test_version_0_changes_nothing_and_an_empty_target_empties(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={"config": {"volumes": ["data:/data"]}}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    tenant.set_apps(None, 0)
    polls = len(tenant.requests)
    tenant.wait_for(lambda: len(tenant.requests) > polls + 4)
    device.settles(one="running")
    tenant.set_apps({}, 2)
    tenant.wait_for(lambda: applied(tenant, 2))
    device.settles()
    label = f"label=iotistic.device={device.uuid}"
    assert device.host.docker("volume", "ls", "-q", "--filter", label) == device.name("data")


def test_a_document_of_another_shape_keeps_the_old_one(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    tenant.set_apps({"app": {"appId": "app", "appName": "a", "services": "none"}}, 2)
    tenant.wait_for(lambda: tenant.sections.get("failedVersion") == 2)
    assert tenant.sections["status"] == "failed"
    assert tenant.sections["appliedVersion"] == 1
    device.settles(one="running")
    tenant.wait_for(lambda: tenant.requests[-1].headers.get("if-none-match", "").startswith('"2-'))


def test_a_revoked_key_stops_all_calls_and_no_containers(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.key_file.unlink()
    device.stop()
    device.start()
    tenant.wait_for(lambda: tenant.requests[-1].method == "GET")
    tenant.api_keys.append("dk1.other.x")
    polls = len(tenant.requests)
    tenant.wait_for(lambda: len(tenant.requests) > polls)
    time.sleep(1.0)
    after = len(tenant.requests)
    time.sleep(1.5)
    assert len(tenant.requests) == after
    assert any(line["event"] == "unauthorized" for line in device.log())
    device.settles(one="running")


def test_a_revoked_key_with_a_string_registers_once_more(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    first = device.containers()
    tenant.sections.clear()
    tenant.api_keys.append("dk1.other.x")
    tenant.wait_for(lambda: applied(tenant, 1))
    assert len(tenant.registered) == 2
    assert device.containers() == first


def test_offline_it_works_from_the_last_target(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.kill()
    device.host.docker("rm", "-f", device.name("one"))
    for _ in range(20):
        tenant.force("/", 503, "unavailable", Retry_After="1")
    device.start()
    device.settles(one="running")


def test_secrets_and_state_are_private(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    for file in (device.folder / "state").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file
    text = (device.folder / "log").read_text()
    assert tenant.secret not in text
    assert tenant.api_keys[-1] not in text
    with sqlite3.connect(device.folder / "state/device.sqlite") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_without_string_or_registration_it_says_what_to_do_and_waits(device):
    device.key_file.unlink()
    device.start()
    until = time.monotonic() + 20
    while not (said := [each for each in device.log() if each["event"] == "not_registered"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "PROVISIONING_API_KEY_FILE" in said[0]["reason"]
    assert "iotctl provision" in said[0]["reason"]
    assert device.process.poll() is None
    assert device.stop() == 0


def test_published_ports_get_the_devices_address(device, tenant, busybox):
    tenant.set_apps(
        app(
            busybox, web={"config": {"ports": ["18099:80"], "command": ["httpd", "-f", "-p", "80"]}}
        ),
        1,
    )
    device.start(DEVICE_ADDRESS="127.77.5.130", IOTISTIC_SITE="site7")
    tenant.wait_for(lambda: applied(tenant, 1))
    assert device.host.docker("port", device.name("web")) == "80/tcp -> 127.77.5.130:18099"
    labels = json.loads(device.host.docker("inspect", device.name("web")))[0]["Config"]["Labels"]
    assert labels["iotistic.site"] == "site7"
    assert labels["iotistic.service-id"] == "id-web"


def damage_state(device, *more: str):
    """Damage the database, and remove ``more``."""
    state = device.folder / "state"
    for part in ("device.sqlite-wal", "device.sqlite-shm", *more):
        (state / part).unlink(missing_ok=True)
    (state / "device.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 9000)


def test_a_damaged_database_costs_nothing(device, tenant, busybox):
    """Identity, registration and committed target come from the second copy."""
    tenant.set_apps(app(busybox, one={}), 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    device.kill()
    damage_state(device)
    tenant.sections.clear()
    device.start(DEVICE_UUID="")
    tenant.wait_for(lambda: applied(tenant, 1))
    assert [each.device_uuid for each in tenant.registered] == [device.uuid]
    assert device.containers() == before


@pytest.mark.parametrize("more", [("device.copy",), ("device.copy", "uuid")])
def test_without_its_copy_a_damaged_database_costs_a_registration(device, tenant, busybox, more):
    """The uuid is in a file of its own, and on the containers."""
    tenant.set_apps(app(busybox, one={}), 1)
    device.start(IOTISTIC_SITE=device.uuid[:8])
    tenant.wait_for(lambda: applied(tenant, 1))
    before = device.containers()
    device.kill()
    damage_state(device, *more)
    tenant.sections.clear()
    device.start(DEVICE_UUID="", IOTISTIC_SITE=device.uuid[:8])
    tenant.wait_for(lambda: applied(tenant, 1))
    assert [each.device_uuid for each in tenant.registered] == [device.uuid] * 2
    assert device.containers() == before


def test_an_engine_that_hangs_does_not_keep_it_from_ending(device, tmp_path):
    hanging = socket.socket(socket.AF_UNIX)
    hanging.bind(str(tmp_path / "h.sock"))
    hanging.listen(8)
    hanging.settimeout(20)
    device.start(DOCKER_HOST=f"unix://{tmp_path / 'h.sock'}")
    asked, _ = hanging.accept()
    began = time.monotonic()
    assert device.stop() == 0
    assert time.monotonic() - began < 5
    asked.close()
    hanging.close()


def test_a_second_agent_on_the_same_state_says_so(device, tenant):
    device.start()
    tenant.wait_for(lambda: len(tenant.requests) > 4)
    first, second = device.process, Device(device.host, tenant, device.folder)
    second.uuid = device.uuid
    second.start()
    assert second.process.wait(10) == 2
    assert any("another agent" in line.get("reason", "") for line in device.log())
    assert first.poll() is None
