"""``iotctl`` as a program, and raw requests, at an agent that runs."""

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
        env={"PATH": os.defpath, "STATE_DIR": str(device.folder / "state"), "USER": "ana"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(device: Device, *words: str):
    done = iotctl(device, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(device: Device, method: str, path: str, body: object = None) -> tuple[int, dict]:
    """One request at the unix socket; ``body`` is bytes, or what becomes JSON."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(device.folder / "state/agent.sock"))
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, content)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def running(device: Device, tenant, apps, version=1, **environment: str) -> None:
    tenant.set_apps(apps, version)
    device.start(**environment)
    tenant.wait_for(lambda: applied(tenant, version))


def listening(device: Device, **environment: str) -> None:
    """Start it, and wait until its local API answers."""
    device.start(**environment)
    until = time.monotonic() + 20
    while iotctl(device, "provision", "status").returncode == 3:
        assert time.monotonic() < until, device.log()[-5:]
        time.sleep(0.05)


def becomes(holds, seconds: float = 20.0) -> None:
    """Wait until ``holds()``."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
