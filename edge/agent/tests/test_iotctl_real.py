"""``iotctl`` as a program, at a whole agent on a real engine."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.agent.tests.device import Device, app, applied

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

IOTCTL = Path(sys.executable).with_name("iotctl")


def iotctl(device: Device, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [IOTCTL, *words],
        env={"PATH": os.defpath, "STATE_DIR": str(device.folder / "state")},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def told(device: Device, *words: str):
    done = iotctl(device, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def running(device, tenant, apps, version=1, **environment):
    tenant.set_apps(apps, version)
    device.start(**environment)
    tenant.wait_for(lambda: applied(tenant, version))


def ask(device: Device, path: str, method: str = "GET", body: bytes | None = None, **headers: str):
    """One request at the unix socket, as it is."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(device.folder / "state/agent.sock"))
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


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
    shown = iotctl(device, "status")
    assert shown.returncode == 0
    assert re.search(r"^target +version 3, applied \(applied: 3\)$", shown.stdout, re.MULTILINE)
    assert re.search(r"^services +1 exited, 1 running$", shown.stdout, re.MULTILINE)
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


def test_a_containers_log_is_followed_into_the_next_container(device, tenant, busybox):
    def saying(word: str) -> dict:
        script = f"echo {word} one; echo {word} two >&2; exec sleep 100000"
        return app(busybox, one={"config": {"command": ["sh", "-c", script]}})

    running(device, tenant, saying("first"))
    lines = [
        json.loads(line)
        for line in iotctl(device, "--json", "services", "logs", "id-one").stdout.splitlines()
    ]
    assert sorted((e["stream"], e["message"]) for e in lines) == [
        ("stderr", "first two"),
        ("stdout", "first one"),
    ]
    assert iotctl(device, "services", "logs", "-n", "1", "id-one").stdout.count("\n") == 1
    following = subprocess.Popen(
        [IOTCTL, "services", "logs", "-f", "-n", "0", "id-one"],
        env={"PATH": os.defpath, "STATE_DIR": str(device.folder / "state")},
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    tenant.set_apps(saying("second"), 2)
    heard = {following.stdout.readline(), following.stdout.readline()}
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    following.stdout.close()
    assert heard == {"second one\n", "second two\n"}


def test_the_agents_own_log(device, tenant, busybox):
    running(device, tenant, app(busybox, one={}))
    events = [
        json.loads(line)["event"]
        for line in iotctl(device, "logs", "-n", "1000", "--json").stdout.splitlines()
    ]
    assert events[0] == "started"
    assert {"registered", "state-applied", "listening"} <= set(events)
    assert len(iotctl(device, "logs", "-n", "2").stdout.splitlines()) == 2
    following = subprocess.Popen(
        [IOTCTL, "logs", "-f", "-n", "0"],
        env={"PATH": os.defpath, "STATE_DIR": str(device.folder / "state")},
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    tenant.set_apps(app(busybox, one={"state": "paused"}), 2)
    assert "cloudSync: target-state-changed version=2" in following.stdout.readline()
    device.stop()
    assert following.wait(10) == 0
    following.stdout.close()


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


def test_a_device_without_a_string_waits_for_one(device, tenant, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.key_file.unlink()
    device.start()
    wait_for_socket(device)
    waiting = iotctl(device, "provision", "status")
    assert waiting.returncode == 6
    assert "waiting for key" in waiting.stdout
    wrong = str(tenant.string(secret="c" * 43))
    refused = iotctl(device, "provision", stdin=wrong)
    assert refused.returncode == 6
    assert "invalid_provisioning_key" in refused.stdout
    assert iotctl(device, "provision", stdin="iotp1.nonsense").returncode == 1
    assert iotctl(device, "provision", stdin="\n").returncode == 2
    string = str(tenant.string())
    other = iotctl(device, "provision", "--api", "https://other.example", stdin=string)
    assert other.returncode == 1
    assert tenant.origin in other.stderr
    file = device.folder / "key"
    file.write_text(f"{string}\n")
    done = iotctl(device, "provision", "--key-file", str(file), "--name", "pump 7", "--type", "pi4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tenant.registered[-1].device_name == "pump 7"
    assert tenant.registered[-1].device_type == "pi4"
    assert told(device, "status")["name"] == "pump 7"
    tenant.wait_for(lambda: applied(tenant, 1))
    again = iotctl(device, "provision", string)
    assert again.returncode == 1
    assert "can read the arguments" in again.stderr
    assert "the device is registered" in again.stderr
    assert iotctl(device, "provision", "status").returncode == 0
    everything = "".join(each.stdout + each.stderr for each in (refused, other, done, again))
    assert tenant.secret not in everything
    assert tenant.secret not in (device.folder / "log").read_text()
    for kept in (device.folder / "state").iterdir():
        assert kept.stat().st_mode & 0o077 == 0, kept


def test_a_string_given_by_hand_outlives_the_agent(device, tenant):
    tenant.set_apps({}, 1)
    tenant.force("/ca.pem", 503, "unavailable", Retry_After="600")
    device.key_file.unlink()
    device.start()
    wait_for_socket(device)
    first = iotctl(device, "provision", "--wait", "0.5", stdin=str(tenant.string()))
    assert first.returncode == 6
    assert "retrying" in first.stdout
    device.kill()
    device.start()
    tenant.wait_for(lambda: applied(tenant, 1))


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


def test_the_socket_is_its_owners_alone(device, tenant):
    running(device, tenant, {})
    path = device.folder / "state/agent.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    if os.getuid() != 0:
        pytest.skip("only root can try as somebody else")
    (device.folder / "state").chmod(0o755)
    program = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setgid(65534); os.setuid(65534);"
        "socket.socket(socket.AF_UNIX).connect('agent.sock')"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(path.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PermissionError" in other.stderr


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "code"),
    [
        ("/nothing", "GET", None, 404, "not_found"),
        ("/v2/device/", "GET", None, 404, "not_found"),
        ("/v2/device", "DELETE", None, 405, "method_not_allowed"),
        ("/v2/logs?lines=many", "GET", None, 422, "invalid"),
        ("/v2/logs?lines=-1", "GET", None, 422, "invalid"),
        ("/v2/logs?follow=yes", "GET", None, 422, "invalid"),
        ("/v2/services/..%2f..%2fetc", "GET", None, 404, "not_found"),
        ("/v2/provision", "POST", b"{", 400, "malformed"),
        ("/v2/provision", "POST", b"[]", 422, "invalid"),
        ("/v2/provision", "POST", b'{"key": 7}', 422, "invalid"),
        ("/v2/provision", "POST", b'{"key": "iotp1", "more": "x"}', 422, "invalid"),
        ("/v2/provision", "POST", b'{"key": "x", "name": ""}', 422, "invalid"),
        ("/v2/provision", "POST", b"x" * 70_000, 413, "too_large"),
        ("/" + "x" * 9000, "GET", None, 413, "too_large"),
    ],
)
def test_bad_requests_are_refused_with_a_problem(api, path, method, body, status, code):
    found, content = ask(api, path, method, body)
    assert found == status
    assert json.loads(content)["code"] == code


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /ping HTTP/2.0\r\n\r\n",
        b"GET ping HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n folded: x\r\n\r\n",
        b"POST /v2/provision HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /v2/provision HTTP/1.1\r\nContent-Length: -2\r\n\r\n{}",
    ],
)
def test_what_isnt_http_is_malformed(api, raw):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(api.folder / "state/agent.sock"))
        client.sendall(raw)
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


def test_idle_connections_cost_a_503_and_end_by_themselves(api):
    idle = []
    for _ in range(16):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(api.folder / "state/agent.sock"))
        idle.append(client)
    time.sleep(0.3)
    assert ask(api, "/ping")[0] == 503
    for client in idle:
        assert client.recv(1) == b""
        client.close()
    assert ask(api, "/ping")[0] == 200


def test_who_hangs_up_on_a_quiet_log_frees_his_place(api):
    for _ in range(3):
        followers = []
        for _ in range(12):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            client.connect(str(api.folder / "state/agent.sock"))
            client.sendall(b"GET /v2/logs?follow=1&lines=1 HTTP/1.1\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            followers.append(client)
        for client in followers:
            client.close()
        time.sleep(0.2)
    assert ask(api, "/ping")[0] == 200


@pytest.fixture(scope="module")
def api(docker_engine, tmp_path_factory):
    """An agent that has nothing to do but to answer."""
    made = Device(docker_engine, None, tmp_path_factory.mktemp("api"))
    made.start()
    wait_for_socket(made)
    yield made
    made.clean()


def wait_for_socket(device: Device) -> None:
    until = time.monotonic() + 20
    while iotctl(device, "provision", "status").returncode == 3:
        assert time.monotonic() < until, device.log()[-5:]
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_over_tcp_it_wants_its_token_and_its_own_host(device, tenant):
    port = free_port()
    running(device, tenant, {}, LOCAL_API_PORT=str(port))
    token_file = device.folder / "state/local-api-token"
    token = token_file.read_text().strip()
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 43

    def tcp(path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(
            "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        status = connection.getresponse().status
        connection.close()
        return status

    right = f"Bearer {token}"
    assert tcp("/ping") == 200
    assert tcp("/v2/device", Authorization=right) == 200
    assert tcp("/v2/device", Authorization=right, Host=f"localhost:{port}") == 200
    for headers in (
        {},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": "Bearer \xe9"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"X_Forwarded_For": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
    ):
        assert tcp("/v2/device", **headers) == 401, headers
        assert tcp("/nothing", **headers) == 401, headers
    assert tcp(f"/v2/device?token={token}") == 401
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.example"},
    ):
        assert tcp("/ping", **headers) == 403, headers
        assert tcp("/v2/device", Authorization=right, **headers) == 403, headers
    with socket.socket() as elsewhere:
        elsewhere.settimeout(2)
        assert elsewhere.connect_ex(("127.77.5.99", port)) != 0
    assert token not in (device.folder / "log").read_text()


def test_a_port_that_is_taken_costs_no_container(device, tenant, busybox):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        running(device, tenant, app(busybox, one={}), LOCAL_API_PORT=port)
        device.settles(one="running")
        assert any(line["event"] == "unavailable" for line in device.log())


def test_health_tells_of_an_engine_that_is_gone(device, tenant):
    device.start(DOCKER_HOST=f"unix://{device.folder / 'nobody.sock'}")
    wait_for_socket(device)
    tenant.wait_for(lambda: len(tenant.requests) > 3)
    status, content = ask(device, "/health")
    assert status == 503
    assert json.loads(content)["status"] == "unhealthy"
    assert iotctl(device, "plan").returncode == 1
    assert told(device, "status")["engineFault"]


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
