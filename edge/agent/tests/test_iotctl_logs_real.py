"""``iotctl``'s logs: of containers, and the agent's own."""

import json
import os
import signal
import subprocess
import time

import pytest

from edge.agent.tests.device import app
from edge.agent.tests.program import IOTCTL, iotctl, running

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


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
