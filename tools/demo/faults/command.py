"""`break`: makes one fault, and follows until it is repaired."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tools.demo.text import table

from .containers import remove_container, wrong_image
from .credentials import revoke
from .processes import kill_agent, kill_broker, kill_database
from .signals import raised
from .watch import NotRepairedError, Watch
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.demo.site import Site

__all__ = ["FAULTS", "Fault", "break_one"]


@dataclass(frozen=True)
class Fault:
    """A fault of a device or a tenant: what it does, and which logs show it."""

    kind: str
    what: str
    logs: str
    make: Callable[..., None]  # of a World, the Device or Tenant, and a Watch


FAULTS = {
    "container": Fault(
        "device", "remove a service's container; its agent makes it again", "{name}",
        remove_container,
    ),
    "agent": Fault(
        "device", "kill an agent; the supervisor starts it again, containers run on", "{name}",
        kill_agent,
    ),
    "broker": Fault(
        "tenant", "kill a tenant's broker; devices poll meanwhile, and connect again",
        "{name}-broker", kill_broker,
    ),
    "database": Fault(
        "tenant", "kill a tenant's database; its API waits for it and goes on",
        "{name}-postgres {name}-api", kill_database,
    ),
    "image": Fault(
        "device", "want an image that doesn't exist; the old container runs on", "{name}",
        wrong_image,
    ),
    "revoke": Fault(
        "device", "revoke a device's credentials; a person lets it in again (or --readmit)",
        "{name}", revoke,
    ),
}  # fmt: skip


def break_one(site: Site, arguments: Sequence[str]) -> int:
    """Make a fault and follow until it is repaired, or until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="./run demo break", description=break_one.__doc__)
    parser.add_argument("fault", nargs="?", default="list", choices=["list", *FAULTS])
    parser.add_argument("name", nargs="?", help="a device or a tenant; the first one")
    parser.add_argument("--readmit", action="store_true", help="revoke: let it in again at once")
    chosen = parser.parse_args(arguments)
    if chosen.readmit and chosen.fault != "revoke":
        parser.error("--readmit goes with the fault revoke")
    if chosen.fault == "list":
        rows = [(name, fault.kind.upper(), fault.what) for name, fault in FAULTS.items()]
        print("\n".join(["usage: ./run demo break FAULT [NAME]", "", *table(rows)]))
        return 0
    site.require()
    fault = FAULTS[chosen.fault]
    make = partial(fault.make, readmit=True) if chosen.readmit else fault.make
    return _followed(World(site), fault, chosen.name, make)


def _followed(world: World, fault: Fault, name: str | None, make: Callable[..., None]) -> int:
    find = world.parts.tenant if fault.kind == "tenant" else world.parts.device
    broken, watch = find(name), Watch()
    print(f"{broken.name}: {fault.what}")
    print(f"Watch it: ./run demo logs -f {fault.logs.format(name=broken.name)}\n", flush=True)
    try:
        with raised():
            make(world, broken, watch)
    except NotRepairedError as error:
        print(f"demo: {error}; see ./run demo status", file=sys.stderr)
        return 1
    print(f"Repaired after {watch.seconds:.1f} s.")
    return 0
