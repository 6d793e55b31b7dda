"""Faults of processes: an agent, a broker and a database that are killed."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demo.status import is_ready

from .world import current

if TYPE_CHECKING:
    from tools.demo.api import Api
    from tools.demo.parts import Device, Tenant

    from .watch import Watch
    from .world import World

__all__ = ["BROKER_PORT", "connections", "kill", "kill_agent", "kill_broker", "kill_database"]

BROKER_PORT = 8883
ESTABLISHED = "01"
AGAIN = "the supervisor has started it again"


def kill_agent(world: World, device: Device, watch: Watch) -> None:
    """Kill a device's agent: the supervisor starts another one, which goes on where it was."""
    api = world.api(world.tenant_of(device))
    before = current(api, device)["receivedAt"]
    old = _kill(world, device.program, watch)
    watch.until(AGAIN, lambda: _new_pid(world, device.program, old))
    watch.until(
        "its tenant has a new report from it",
        lambda: current(api, device)["receivedAt"] != before,
    )


def kill_broker(world: World, tenant: Tenant, watch: Watch) -> None:
    """Kill a tenant's broker: its devices poll meanwhile, and connect again."""
    api, program = world.api(tenant), f"{tenant.short_id}-broker"
    devices = world.parts.devices_of(tenant)
    before = connections(tenant.host, BROKER_PORT)
    old = _kill(world, program, watch)
    for device in devices:
        word = "online" if _online(api, device) else "offline"
        watch.tell(f"{device.name} is {word}: it polls, which needs no broker")
    watch.until(AGAIN, lambda: _new_pid(world, program, old))
    watch.until(
        f"all {before} connections are there again",
        lambda: connections(tenant.host, BROKER_PORT) >= before,
    )


def kill_database(world: World, tenant: Tenant, watch: Watch) -> None:
    """Kill a tenant's database: its API says so, and answers again when the database does."""
    api, tls = world.api(tenant), world.site.tls()
    devices = world.parts.devices_of(tenant)
    program = f"{tenant.short_id}-postgres"
    old = _kill(world, program, watch)
    trouble = is_ready(f"{tenant.url}/health/ready", tls)
    watch.tell(f"{tenant.name}'s API " + (f"isn't ready: {trouble}" if trouble else "is ready"))
    watch.until(AGAIN, lambda: _new_pid(world, program, old))
    watch.until("the API is ready", lambda: not is_ready(f"{tenant.url}/health/ready", tls))
    for device in devices:
        watch.until(f"{device.name} is online", partial(_online, api, device))


def connections(host: str, port: int, text: str | None = None) -> int:
    """Return how many connections to a server of this machine are established (proc(5), tcp)."""
    address = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    local = f"{address}:{port:04X}"
    lines = (text or Path("/proc/net/tcp").read_text()).splitlines()[1:]
    return sum(line.split()[1] == local and line.split()[3] == ESTABLISHED for line in lines)


def kill(world: World, program: str) -> int:
    """Kill a program's own process, not its guard; return which it was, 0 when it was down."""
    pid = world.pid(program)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return pid


def _kill(world: World, program: str, watch: Watch) -> int:
    pid = kill(world, program)
    watch.did(f"killed {program}, process {pid}" if pid else f"{program} is down as it is")
    return pid


def _online(api: Api, device: Device) -> bool:
    return bool(current(api, device)["online"])


def _new_pid(world: World, program: str, old: int) -> str | None:
    new = world.pid(program)
    return f"process {new}" if new not in {0, old} else None
