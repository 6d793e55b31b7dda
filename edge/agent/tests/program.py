"""``iotctl`` as a program, and the agent's own API, for tests."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from edge.agent.tests.device import Device, applied

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


def wait_for_socket(device: Device) -> None:
    until = time.monotonic() + 20
    while iotctl(device, "provision", "status").returncode == 3:
        assert time.monotonic() < until, device.log()[-5:]
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
