"""A target state changed by the module, until the container on the device is so."""

from __future__ import annotations

import copy
import json
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.bench.figure import Figure
from tests.e2e.conftest import DEVICES, make
from tests.e2e.demo_site import ROOT, DemoSite

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "ansible_collections.iotistic.platform.plugins.modules.device_target_state"
POLL_INTERVAL = 30.0
DEVICE = DEVICES[0]


def run() -> Iterator[Figure]:
    """Make a site, change a service 20 times with the broker and 3 times without, and remove it."""
    site = make("bench", "127.81.0.0/24")
    try:
        made = site.run()
        if made.returncode:
            raise SystemExit(made.stdout)
        spec = current_spec(site)
        with_broker = [change(site, spec, f"broker-{number}") for number in range(20)]
        yield Figure(
            "change to running container, median of 20", statistics.median(with_broker), "s", 2.0
        )
        yield Figure(
            "change to running container, slowest of 20", max(with_broker), "s", POLL_INTERVAL
        )
        broker = f"{site.tenant(DEVICE.tenant).short_id}-broker"
        site.supervisorctl("stop", broker)
        time.sleep(3)
        polled = [change(site, spec, f"poll-{number}") for number in range(3)]
        yield Figure(
            "the same with the broker stopped, slowest of 3", max(polled), "s", POLL_INTERVAL + 2
        )
    finally:
        site.run("destroy")


def current_spec(site: DemoSite) -> dict[str, Any]:
    """Return what the inventory made of the device."""
    tenant = site.tenant(DEVICE.tenant)
    token = site.service_token(tenant, "read devices target-states")
    url = f"{tenant.url}/api/v1/devices/{DEVICE.uuid}/target-state"
    spec: dict[str, Any] = site.call("GET", url, token=token).body["spec"]
    return spec


def change(site: DemoSite, spec: dict[str, Any], value: str) -> float:
    """Write a new variable by the module; return the seconds until a container runs with it."""
    wanted = copy.deepcopy(spec)
    wanted["apps"]["1001"]["services"][0]["config"]["environment"]["ROUND"] = value
    arguments = {
        "billing_url": site.billing,
        "billing_token_file": f"{site.state}/secrets/billing-admin-token",
        "ca_file": f"{site.state}/pki/root/ca.pem",
        "tenant": DEVICE.tenant,
        "uuid": DEVICE.uuid,
        "apps": wanted["apps"],
        "config": wanted.get("config"),
    }
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={"PYTHONPATH": str(ROOT / "collections"), "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if '"changed": true' not in done.stdout:
        raise SystemExit(f"the module did not change the target:\n{done.stdout}{done.stderr}")
    name = f"iot-{DEVICE.uuid[:8]}-1001-web"
    shown = "{{.State.Running}} {{.Config.Env}}"
    while True:
        try:
            found = site.docker("inspect", "-f", shown, name)
        except subprocess.CalledProcessError:
            found = ""
        if found.startswith("true") and f"ROUND={value}" in found:
            return time.perf_counter() - begun
        if time.perf_counter() - begun > 4 * POLL_INTERVAL:
            raise SystemExit(
                f"no container with ROUND={value} after {4 * POLL_INTERVAL} s: {found}"
            )
        time.sleep(0.02)
