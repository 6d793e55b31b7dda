"""Logs, events and metrics of the real agent at the real tenant API, over a link that breaks."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.agent.tests.test_agent_real import Device, app
from iotistic_contract.codec import format_time
from tests.device.test_agent_and_tenant_api import ADDRESS, RunningTenant, device, tenant
from tests.fixtures.proxy import ConnectProxy

__all__ = ["device", "tenant"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

COUNT = "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done"


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    made = ConnectProxy(ADDRESS, "ada:lovelace")
    yield made
    made.close()


class Watched:
    """A device with its tenant, as people see it."""

    def __init__(self, device: Device, tenant: RunningTenant) -> None:
        self.device, self.tenant = device, tenant
        self.at = f"/api/v1/devices/{device.uuid}"

    def start(self, proxy: ConnectProxy, **environment: str) -> None:
        usual = {"POLL_INTERVAL_MS": "1000", "METRICS_INTERVAL_MS": "500"}
        self.device.start(HTTPS_PROXY=proxy.url, **{**usual, **environment})

    def run(self, busybox: str, **more: Any) -> None:
        until(lambda: self.tenant.call("GET", self.at).status_code == 200, self.device.log)
        path = f"{self.at}/target-state"
        apps = app(busybox, count={"config": {"command": ["sh", "-c", COUNT]}})
        spec = {"apps": apps, **more}
        answer = self.tenant.call("PUT", path, spec, If_Match='"0"')
        assert answer.status_code in (200, 204), answer.text

    def numbers(self) -> list[int]:
        """The numbers of the counting service's lines, as they are stored, oldest first."""
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            query = f"service=id-count&limit=1000{before}"
            page = self.tenant.call("GET", f"{self.at}/logs?{query}").json()
            found += page["items"]
            if page["next"] is None:
                return [int(line["message"].split()[1]) for line in reversed(found)]
            before = f"&before={page['next']}"

    def events(self) -> list[str]:
        page = self.tenant.call("GET", f"{self.at}/events?limit=500").json()
        types = [event["type"] for event in reversed(page["items"])]
        return [each.removeprefix("device.") for each in types if each.startswith("device.")]


def now() -> str:
    return format_time(datetime.now(UTC))


def until(holds: Callable[[], bool], told: Callable[[], Any], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "\n".join(map(str, told()[-30:]))
        time.sleep(0.1)


@pytest.fixture
def watched(device: Device, tenant: RunningTenant) -> Watched:
    return Watched(device, tenant)


def test_a_link_that_breaks_loses_no_line_and_doubles_none(
    watched: Watched, proxy: ConnectProxy, busybox: str
) -> None:
    log = watched.device.log
    watched.start(proxy)
    watched.run(busybox)
    until(lambda: len(watched.numbers()) > 20, log)
    ports = {watched.tenant.port, watched.tenant.broker.port}
    assert set(proxy.asked) == {f"{ADDRESS}:{port}" for port in ports}, "the broker's, too"

    began = now()
    proxy.cut()
    until(lambda: "connection_offline" in str(log()), log)
    before = watched.numbers()[-1]
    time.sleep(2)
    ended = now()
    proxy.mend()
    until(lambda: "connection_online" in str(log()), log)
    until(lambda: watched.numbers()[-1] > before + 60, log)

    watched.device.kill()
    watched.start(proxy, METRICS_INTERVAL_MS="86400000")
    for _ in range(2):
        last = watched.numbers()[-1]
        until(lambda last=last: watched.numbers()[-1] > last + 60, log)
        proxy.is_mute = True  # logs alone are sent now: they are stored, and the answer is lost
        sent = watched.numbers()[-1]
        until(lambda sent=sent: watched.numbers()[-1] > sent, log)
        watched.device.kill()
        proxy.mend()
        watched.start(proxy, METRICS_INTERVAL_MS="86400000")
    last = watched.numbers()[-1]
    until(lambda: watched.numbers()[-1] > last + 60, log)

    numbers = watched.numbers()
    assert numbers == list(range(len(numbers)))
    events = watched.events()
    assert events[:2] == ["agent-started", "registered"]
    assert {"target-state-changed", "state-applied", "reconciliation-complete"} <= set(events)
    assert events.count("agent-started") == 4
    assert events.index("connection-degraded") < events.index("connection-offline")
    assert "connection-online" in events[events.index("connection-offline") :]
    query = f"names=outbox_lost&from={began}&to={ended}"
    meanwhile = watched.tenant.call("GET", f"{watched.at}/metrics?{query}").json()["series"]
    assert len(meanwhile["outbox_lost"]) >= 4, "what was measured without a link came later"
    assert {value for _, value in meanwhile["outbox_lost"]} == {0}


@pytest.fixture
def small_disk(device: Device) -> Iterator[Path]:
    """The agent's folder of state on a disk of 4 MiB."""
    folder = device.folder / "state"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    yield folder
    device.kill()
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_delays_lines_and_loses_none(
    watched: Watched, proxy: ConnectProxy, busybox: str, small_disk: Path
) -> None:
    log = watched.device.log
    watched.start(proxy)
    watched.run(busybox)
    until(lambda: len(watched.numbers()) > 20, log)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    until(lambda: "outbox_unwritable" in str(log()), log)
    time.sleep(1)
    filler.unlink()
    last = watched.numbers()[-1]
    until(lambda: watched.numbers()[-1] > last + 60, log)
    numbers = watched.numbers()
    assert numbers == list(range(len(numbers)))
    assert watched.device.containers()["count"][1] == "running"


def test_logs_stay_on_a_metered_device(watched: Watched, proxy: ConnectProxy, busybox: str) -> None:
    watched.start(proxy)
    watched.run(busybox, config={"linkProfile": "metered"})
    until(lambda: "reconciliation-complete" in watched.events(), watched.device.log)
    assert watched.numbers() == []
