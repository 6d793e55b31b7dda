"""The agent's own API, over its socket and over TCP: whom it lets in, and what it bears."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from edge.agent.tests.device import Device, app
from edge.agent.tests.program import ask, free_port, iotctl, running, told, wait_for_socket

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


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
