"""``iotctl`` as a program, at a whole agent on a real engine."""

import json
import os
import re
import resource
import subprocess
import time

import pytest

from edge.agent.tests.device import Device, app, applied
from edge.agent.tests.program import IOTCTL, ask, iotctl, running, told, wait_for_socket

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def test_status_says_how_it_stands_and_is_quick(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, two={"state": "stopped"}), 3)
    tenant.wait_for(lambda: tenant.sections.get("metrics"))
    found = told(device, "status")
    assert found["uuid"] == device.uuid
    assert (found["targetVersion"], found["appliedVersion"], found["status"]) == (3, 3, "applied")
    assert found["services"] == {"running": 1, "exited": 1}
    assert found["health"]["checks"]["engine"] == {"ok": True, "detail": None}
    assert found["connection"]["state"] == "online"
    assert found["metrics"]["memory_total"] > 0
    assert (found["link"]["profile"], found["link"]["budgetBytes"]) == ("lan", None)
    assert found["link"]["lanes"]["state"]["receivedBytes"] > 1000
    assert found["outbox"].keys() == {"waiting", "dropped", "refused"}
    shown = iotctl(device, "status")
    assert shown.returncode == 0
    assert re.search(r"^target +version 3, applied \(applied: 3\)$", shown.stdout, re.MULTILINE)
    assert re.search(r"^services +1 exited, 1 running$", shown.stdout, re.MULTILINE)
    assert re.search(r"^link +lan, [\d.]+ MB in \d{4}-\d\d$", shown.stdout, re.MULTILINE)
    assert re.search(r"^outbox +\w", shown.stdout, re.MULTILINE)
    assert re.search(r"^machine +cpu [\d.]+ %, .*memory \d+/\d+ MB", shown.stdout, re.MULTILINE)
    took, before = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        began = time.monotonic()
        assert iotctl(device, "status").returncode == 0
        took.append(time.monotonic() - began)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert work / len(took) <= 0.15, "seconds of CPU"
    share = max(1.0, os.getloadavg()[0] / os.cpu_count())  # of a machine that others keep busy
    assert min(took) <= 0.3 * share, took


def test_services_and_apps(device, tenant, busybox):
    environment = {"GREETING": "a word that nobody sees"}
    apps = app(busybox, one={"config": {"environment": environment}}, two={"state": "paused"})
    apps["app"]["services"][1]["config"] = {"privileged": True}
    running(device, tenant, apps)
    rows = {row["serviceId"]: row for row in told(device, "services", "list")}
    assert rows["id-one"]["state"] == "running"
    assert rows["id-one"]["containerId"] == device.containers()["one"][0]
    assert (rows["id-two"]["state"], rows["id-two"]["serviceName"]) == ("refused", "two")
    shown = iotctl(device, "services", "list", "app").stdout.splitlines()
    assert shown[0].split() == [
        "SERVICE", "NAME", "APP", "STATE", "WANTED", "HEALTH", "CONTAINER", "IMAGE",
    ]  # fmt: skip
    assert shown[1].split()[:5] == ["id-one", "one", "app", "running", "running"]
    info = told(device, "services", "info", "id-one")
    assert info["environment"] == ["GREETING"]
    assert info["container"]["name"] == device.name("one")
    assert "nobody sees" not in iotctl(device, "services", "info", "id-one").stdout
    assert [row["appName"] for row in told(device, "apps", "list")] == ["app"]
    assert "id-one" in iotctl(device, "apps", "info", "app").stdout
    for words in (("services", "info", "x"), ("apps", "info", "x"), ("services", "logs", "x")):
        missing = iotctl(device, *words)
        assert missing.returncode == 4
        assert "'x'" in missing.stderr


def test_the_plan_names_the_field_that_differs(device, tenant, busybox):
    first = {"environment": {"A": "1", "B": "2"}, "labels": {"x": "y"}}
    running(device, tenant, app(busybox, one={"config": first}, two={}))
    assert told(device, "plan") == {"targetVersion": 1, "steps": [], "services": []}
    assert iotctl(device, "plan").stdout == "nothing to do: everything is as wanted\n"
    nowhere = busybox.replace("busybox", "nothing")
    second = {"environment": {"A": "other", "C": "3"}, "labels": {"x": "y"}, "user": "1000"}
    blocked = app(busybox, one={"config": second}, two={})
    blocked["app"]["services"][1]["imageName"] = nowhere
    tenant.set_apps(blocked, 2)
    tenant.wait_for(lambda: tenant.sections.get("status") == "failed")
    found = told(device, "plan", "--explain")
    differs = {row["serviceId"]: row["differences"] for row in found["services"]}
    assert differs["id-one"] == [
        {"field": "environment.A", "detail": "changed"},
        {"field": "environment.B", "detail": "removed"},
        {"field": "environment.C", "detail": "added"},
        {"field": "user", "detail": "added"},
    ]
    assert differs["id-two"] == [{"field": "imageName", "detail": "changed"}]
    shown = iotctl(device, "plan", "--explain").stdout
    assert "  environment.A: changed\n" in shown
    assert "id-two: pull: " in shown
    assert "next try" in shown
    assert "other" not in shown


def test_config_says_where_each_value_comes_from(device, tenant):
    tenant.set_apps({}, 1, settings={"reportIntervalMs": 1000}, logging={"level": "info"})
    device.policy.write_text('{"privileged": true}')
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    found = told(device, "config", "show")
    rows = {name: (row["value"], row["source"]) for name, row in found["settings"].items()}
    assert rows["pollIntervalMs"] == (200, "environment")
    assert rows["reportIntervalMs"] == (1000, "target")
    assert rows["metricsIntervalMs"] == (60000, "default")
    assert rows["logLevel"] == ("info", "target")
    assert found["policy"]["privileged"] is True
    assert found["pollIntervalOfServerMs"] == 200
    assert re.search(r"^reportIntervalMs +1000 +target$", iotctl(device, "config", "show").stdout,
                     re.MULTILINE)  # fmt: skip
    assert iotctl(device, "config", "get", "reportIntervalMs").stdout == "1000\n"
    assert iotctl(device, "config", "get", "nothing").returncode == 4


def test_without_an_agent_there_is_one_clear_message(device, tenant):
    for words in (("status",), ("plan",), ("services", "list"), ("logs",), ("provision",)):
        done = iotctl(device, *words)
        assert (done.returncode, done.stdout) == (3, "")
        assert re.fullmatch(r"iotctl: the agent isn't running: .*agent\.sock\n", done.stderr)
    tenant.set_apps({}, 1)
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))
    device.kill()
    assert (device.folder / "state/agent.sock").exists(), "a kill leaves the socket behind"
    assert iotctl(device, "status").returncode == 3
    device.start()
    wait_for_socket(device)
    assert iotctl(device, "status").returncode == 0
    assert device.stop() == 0
    assert not (device.folder / "state/agent.sock").exists()


def test_no_secret_is_in_any_answer(device, tenant, busybox):
    running(device, tenant, app(busybox, one={"config": {"environment": {"PASSWORD": "hunter2"}}}))
    paths = ["/ping", "/health", "/v2/device", "/v2/apps", "/v2/apps/app", "/v2/services",
             "/v2/services/id-one", "/v2/services/id-one/logs", "/v2/plan", "/v2/config",
             "/v2/logs", "/v2/provision", "/v2/leases", "/v2/diagnostics", "/metrics",
             "/openapi.json"]  # fmt: skip
    described = json.loads(ask(device, "/openapi.json")[1])["paths"]
    shown = [path for path, operations in described.items() if "get" in operations]
    assert {re.sub(r"{\w+}", "x", path) for path in shown} == {
        path.replace("id-one", "x").replace("apps/app", "apps/x")
        for path in paths
        if path != "/openapi.json"
    }
    for path in paths:
        status, content = ask(device, path)
        assert status == 200, path
        for secret in (tenant.secret, tenant.api_keys[-1], "hunter2", "PRIVATE KEY"):
            assert secret.encode() not in content, path


def test_bash_completes_words_and_ids(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}, other={}))
    script = iotctl(device, "completion", "bash").stdout
    words = ["iotctl", "services", "logs", "-f", "id-o"]
    line = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD=4; _iotctl; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{line}"],
        env={"PATH": f"{IOTCTL.parent}:{os.defpath}", "STATE_DIR": str(device.folder / "state")},
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["id-one", "id-other"]


def test_a_long_folder_is_no_obstacle(docker_engine, tenant, tmp_path):
    folder = tmp_path / ("f" * 120)
    folder.mkdir()
    made = Device(docker_engine, tenant, folder)
    try:
        running(made, tenant, {})
        assert iotctl(made, "status").returncode == 0
        assert not [e for e in (folder / "state").iterdir() if e.name.startswith("proc")]
    finally:
        made.clean()
