"""Why a service isn't as wanted, in the target state's own words; pure.

An engine keeps no request, and what it shows is mixed with what the image says. So each container
carries a short hash of each field it was made with, as a label beside the hash of all.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from iotistic_contract.codec import canonical
from iotistic_contract.planning.containers import (
    Container,
    WantedContainer,
    World,
    difference,
    is_as_wanted,
    own_container,
)

__all__ = ["CONFIG_FIELDS", "Difference", "config_fields", "differences", "noted_fields"]

CONFIG_FIELDS = "iotistic.config-fields"
_WORDS = {
    "Image": "imageName",
    "Cmd": "command",
    "Entrypoint": "entrypoint",
    "User": "user",
    "WorkingDir": "workingDir",
    "Hostname": "hostname",
    "ExposedPorts": "ports",
    "PortBindings": "ports",
    "StopSignal": "stopSignal",
    "StopTimeout": "stopGracePeriod",
    "Healthcheck": "healthcheck",
    "Mounts": "volumes",
    "NetworkMode": "networkMode",
    "RestartPolicy": "restart",
    "Devices": "devices",
    "CapAdd": "capAdd",
    "CapDrop": "capDrop",
    "Privileged": "privileged",
    "ReadonlyRootfs": "readOnly",
    "Tmpfs": "tmpfs",
    "ExtraHosts": "extraHosts",
    "Dns": "dns",
    "LogConfig": "logging",
    "NanoCpus": "resources.limits.cpu",
    "Memory": "resources.limits.memory",
    "CpuShares": "resources.requests.cpu",
    "MemoryReservation": "resources.requests.memory",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a service that isn't as wanted; ``detail`` says how, without its value."""

    field: str
    detail: str


def config_fields(wanted: WantedContainer) -> dict[str, str]:
    """Return a short hash of each field that the container is made with, by the field's name.

    Of a secret only the HMAC enters.
    """
    parts: dict[str, list[object]] = {}
    for name, value in chain(_body(wanted), _secrets(wanted)):
        parts.setdefault(name, []).append(value)
    return {
        name: hashlib.sha256(canonical(values)).hexdigest()[:8]
        for name, values in sorted(parts.items())
    }


def noted_fields(labels: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return what a container's label notes of its fields, None when it has no such label."""
    try:
        noted = json.loads(labels[CONFIG_FIELDS])
    except (KeyError, ValueError):
        return None
    return noted if isinstance(noted, dict) else None


def differences(
    world: World, wanted: WantedContainer, noted: Mapping[str, str] | None
) -> list[Difference]:
    """Return each field that isn't as wanted; ``noted`` are those of the service's container."""
    if is_as_wanted(world, wanted):
        return []
    found = own_container(world, wanted)
    if found is None:
        return [Difference("container", "there is none")]
    why = difference(world, wanted, found)
    if why == "config":
        return _changed_fields(config_fields(wanted), noted)
    return [_one(world, wanted, found, why)]


def _one(world: World, wanted: WantedContainer, found: Container, why: str | None) -> Difference:
    match why:
        case None:
            return Difference("state", f"{_state(found)}, wanted {wanted.state}")
        case "state":
            return Difference("state", f"{found.state}: a new container is needed")
        case "image":
            old, new = _short(found.image_id), _short(world.images.get(wanted.image, ""))
            return Difference("imageName", f"{wanted.image} is {new} by now, not {old}")
        case _:
            return Difference(why.partition(" ")[0], f"{why}: another one than it was made for")


def _changed_fields(now: Mapping[str, str], noted: Mapping[str, str] | None) -> list[Difference]:
    if noted is None:
        return [Difference("config", "an earlier agent made it and noted no fields")]
    changed = []
    for name in sorted(now.keys() | noted.keys()):
        if name not in noted:
            changed.append(Difference(name, "added"))
        elif name not in now:
            changed.append(Difference(name, "removed"))
        elif now[name] != noted[name]:
            changed.append(Difference(name, "changed"))
    return changed or [Difference("config", "changed")]


def _body(wanted: WantedContainer) -> Iterator[tuple[str, object]]:
    words: dict[str, Any] = {**wanted.body, **wanted.body.get("HostConfig", {})}
    for word, value in words.items():
        match word:
            case "HostConfig":
                continue
            case "Env":
                for pair in value:
                    name, _, text = pair.partition("=")
                    yield f"environment.{name}", text
            case "Labels":
                for name, text in value.items():
                    yield f"labels.{name}", text
            case "NetworkMode" if wanted.networks:
                continue
            case _:
                yield _WORDS.get(word, word), value
    if wanted.networks:
        yield "networks", list(wanted.networks)


def _secrets(wanted: WantedContainer) -> Iterator[tuple[str, object]]:
    for name, secret in wanted.secrets.items():
        yield f"secrets.{name}", secret.hmac or ""


def _state(found: Container) -> str:
    if found.exit_code:
        return f"{found.state} with code {found.exit_code}"
    return str(found.state)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
