"""Hands on the engine, and a killed agent, are repaired without anybody's doing."""

from __future__ import annotations

import os
import signal

import pytest

from .demo_site import wait_for
from .test_10_demo import unchanged

WANTED = {"web": "running", "sampler": "paused"}


def settled(site, device) -> bool:
    found = site.containers(device.uuid)
    return {name: found.get(name) for name in WANTED} == WANTED


def container(site, device, service: str) -> str:
    return f"iot-{device.uuid[:8]}-1001-{service}"


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("web", ["rm", "-f"]),
        ("web", ["stop", "-t", "0"]),
        ("web", ["pause"]),
        ("web", ["kill"]),
        ("sampler", ["unpause"]),
        ("sampler", ["rm", "-f"]),
        ("report", ["start"]),
        ("report", ["rm", "-f"]),
    ],
)
def test_a_hand_on_the_engine(site, devices, service, command):
    device = devices[0]
    wait_for(lambda: settled(site, device))
    before = site.docker("inspect", "-f", "{{.Id}}", container(site, device, service))
    site.docker(*command, container(site, device, service))
    wait_for(lambda: settled(site, device))
    wait_for(lambda: site.containers(device.uuid).get("report") in {"exited", "created"})
    after = site.docker("inspect", "-f", "{{.Id}}", container(site, device, service))
    assert (after == before) is (command[0] != "rm")


def test_a_killed_agent_comes_back_and_reports(site, devices):
    device = devices[1]
    program = f"device-{device.name}"
    old = site.pid(program)
    os.kill(old, signal.SIGKILL)
    site.docker("rm", "-f", container(site, device, "web"))
    wait_for(lambda: site.pid(program) != old)
    wait_for(lambda: settled(site, device))
    tenant = site.tenant(device.tenant)
    token = site.service_token(tenant, "read")
    url = f"{tenant.url}/api/v1/devices/{device.uuid}/current-state"
    wait_for(lambda: site.call("GET", url, token=token).body["report"]["status"] == "applied")


def test_a_foreign_container_is_left_alone(site):
    site.docker("create", "--name", f"foreign-{site.id}", f"{site.prefix}.4:5000/demo/busybox:1.0")
    try:
        assert unchanged(site.run().stdout)
        assert site.docker("inspect", "-f", "{{.State.Status}}", f"foreign-{site.id}") == "created"
    finally:
        site.docker("rm", "-f", f"foreign-{site.id}")
