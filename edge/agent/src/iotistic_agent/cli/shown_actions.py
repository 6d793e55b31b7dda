"""What was asked for at the device, as text for people; pure."""

from collections.abc import Mapping
from typing import Any

from iotistic_agent.cli.tables import clean, table

__all__ = ["acted", "leases", "override", "step"]

Json = Mapping[str, Any]
_STEPS = {
    "pullImage": "pull image",
    "createNetwork": "create network",
    "createVolume": "create volume",
    "createContainer": "create container",
    "startContainer": "start container",
    "stopContainer": "stop container",
    "pauseContainer": "pause container",
    "unpauseContainer": "unpause container",
    "removeContainer": "remove container",
    "removeNetwork": "remove network",
    "removeVolume": "remove volume, with its data",
    "removeImage": "remove image",
    "renameContainer": "rename container",
    "restartContainer": "restart container",
}
_DONE = {"stopped": "stopped", "paused": "paused", "running": "started"}


def override(held: Json | None) -> str | None:
    """Return who at the device holds a service in a state, and until when."""
    if not held:
        return None
    until = f" until {held['until']}" if held.get("until") else " until it is given back"
    return f"{_DONE.get(held['state'], held['state'])} by {held['owner']}{until}: {held['reason']}"


def acted(found: Json) -> str:
    """Return what becomes of each service, and the steps to come."""
    lines = []
    for row in found["services"]:
        held = override(row["override"])
        why = f", {held}" if held else ""
        lines.append(clean(f"{row['serviceId']}: {row['wantedState']}{why}"))
    lines += [f"  {step(each)}" for each in found["steps"]] or ["  nothing to do"]
    return "\n".join(lines)


def step(one: Json) -> str:
    """Return one step of a plan."""
    words = _STEPS.get(one["action"], one["action"])
    of = f" (service {one['serviceId']})" if "serviceId" in one else ""
    return clean(f"{words} {one.get('name') or one.get('image')}{of}")


def leases(found: Json) -> str:
    """Return a line for each lease, then what holds updates."""
    rows = [(row["owner"], row["until"], row["reason"]) for row in found["leases"]]
    listed = table(("OWNER", "UNTIL", "REASON"), rows) if rows else "no leases"
    held = [clean(f"updates are held: {why}") for why in found["heldBy"]]
    return "\n".join([listed, *(held or ["updates may happen"])])
