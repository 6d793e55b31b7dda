"""The engine's raw JSON as values; pure."""

from collections.abc import Mapping
from typing import Any

from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import CONFIG_HASH
from iotistic_contract.planning.containers import Container, EngineState

__all__ = ["EVENTS_THAT_MATTER", "container_from", "digest_of", "is_about"]

EVENTS_THAT_MATTER = frozenset(
    {"create", "start", "restart", "die", "stop", "pause", "unpause", "destroy", "rename"}
    | {"update", "health_status", "disconnect"}
)


_NETWORK_EVENTS = ("disconnect", "destroy")


def container_from(inspected: Mapping[str, Any]) -> Container:
    """Return the container out of ``GET /containers/{id}/json``."""
    config, state = inspected["Config"], inspected["State"]
    labels = config.get("Labels") or {}
    health = (state.get("Health") or {}).get("Status")
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        service_id=labels.get("iotistic.service-id", ""),
        config_hash=labels.get(CONFIG_HASH, ""),
        image_id=inspected["Image"],
        state=_state(state["Status"]),
        exit_code=state.get("ExitCode"),
        health=None if health in (None, "none") else health,
        error=state.get("Error") or None,
        restarts=inspected.get("RestartCount") or 0,
        started_at=state.get("StartedAt") or None,
        address=_address(inspected),
        networks=_networks(inspected),
        ports=_ports(inspected["HostConfig"].get("PortBindings") or {}),
        network_of=_network_of(inspected["HostConfig"].get("NetworkMode") or ""),
    )


def is_about(event: Mapping[str, Any], device: Device) -> bool:
    """Tell whether an event is about a container or a network of ``device``.

    A container's event carries its labels, a network's only its name.
    """
    about = (event.get("Actor") or {}).get("Attributes") or {}
    if event.get("Type") == "network":
        lost = event.get("Action") in _NETWORK_EVENTS
        return lost and str(about.get("name", "")).startswith(f"iot-{device.uuid[:8]}-")
    return about.get("iotistic.device") == device.uuid


def digest_of(image: Mapping[str, Any]) -> str | None:
    """Return the digest that a registry knows the image by, out of ``GET /images/{name}/json``."""
    known = image.get("RepoDigests") or []
    return str(known[0]).partition("@")[2] or None if known else None


def _state(word: str) -> EngineState:
    """Take a word that isn't known for one that we wait for the end of."""
    try:
        return EngineState(word)
    except ValueError:
        return EngineState.RESTARTING


def _networks(inspected: Mapping[str, Any]) -> dict[str, str]:
    connected = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: (entry or {}).get("NetworkID") or "" for name, entry in connected.items()}


def _address(inspected: Mapping[str, Any]) -> str | None:
    """Return the container's own address, that of the host where it shares the host's network."""
    if inspected["HostConfig"].get("NetworkMode") == "host":
        return "127.0.0.1"
    connected = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [(entry or {}).get("IPAddress") for _, entry in sorted(connected.items())]
    return next((str(each) for each in addresses if each), None)


def _network_of(mode: str) -> str | None:
    kind, _, container = mode.partition(":")
    return container if kind == "container" else None


def _ports(bindings: Mapping[str, Any]) -> frozenset[str]:
    """Return ``ip:port/protocol`` as was asked for, whether or not the container is up."""
    return frozenset(
        f"{each.get('HostIp') or ''}:{each.get('HostPort')}/{inside.partition('/')[2] or 'tcp'}"
        for inside, listed in bindings.items()
        for each in listed or ()
    )
