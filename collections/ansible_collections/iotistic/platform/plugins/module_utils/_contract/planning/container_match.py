# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Which container stands for a service, and whether it is as wanted."""

from ..target_state import ServiceState
from .container_world import Container, EngineState, WantedContainer, World

__all__ = [
    "UP",
    "base_of",
    "completed",
    "difference",
    "is_as_wanted",
    "is_healthy",
    "old_name",
    "own_container",
]

UP = frozenset({EngineState.RUNNING, EngineState.PAUSED, EngineState.RESTARTING})
"""States in which a container holds its ports."""
_WELL = (None, "healthy")


def own_container(world: World, wanted: WantedContainer) -> Container | None:
    """Return the one container that stands for ``wanted``: the well-named one before others."""
    of_service = [each for each in world.containers if each.service_id == wanted.service_id]
    of_service.sort(key=lambda each: (each.name != wanted.name, each.name))
    return of_service[0] if of_service else None


def difference(world: World, wanted: WantedContainer, found: Container) -> str | None:
    """Return what of ``found`` forces another container (a word for people), None if nothing."""
    if found.state in (EngineState.DEAD, EngineState.REMOVING):
        return "state"
    if found.name != wanted.name:
        return "name"
    if found.config_hash != wanted.config_hash:
        return "config"
    if found.image_id != world.images.get(wanted.image, found.image_id):
        return "image"
    return _network_difference(world, wanted, found)


def base_of(world: World, wanted: WantedContainer) -> Container | None:
    """Return the container whose network ``wanted`` is to share, None when there is none."""
    if wanted.network_service is None:
        return None
    name = wanted.name.removesuffix(wanted.service_name) + wanted.network_service
    return next((each for each in world.containers if each.name == name), None)


def _network_difference(world: World, wanted: WantedContainer, found: Container) -> str | None:
    """Name the network that is gone, was made anew, or isn't connected."""
    base = base_of(world, wanted)
    if base is not None and found.network_of not in (base.id, base.name):
        return f"network of {wanted.network_service}"
    for network in wanted.networks:
        known = world.networks.get(network)
        if known is None or found.networks.get(network) not in ("", known):
            return f"network {network}"
    return None


def is_as_wanted(world: World, wanted: WantedContainer) -> bool:
    """Tell whether the service is in its wanted state and configuration."""
    found = own_container(world, wanted)
    if found is None or difference(world, wanted, found):
        return False
    match wanted.state:
        case ServiceState.STOPPED:
            return found.state not in UP
        case ServiceState.PAUSED:
            return found.state is EngineState.PAUSED
    return found.state is EngineState.RUNNING or completed(wanted, found)


def completed(wanted: WantedContainer, found: Container) -> bool:
    """Tell whether a service that runs once has done so with success."""
    return wanted.runs_once and found.state is EngineState.EXITED and found.exit_code == 0


def is_healthy(world: World, wanted: WantedContainer) -> bool:
    """Tell whether the service is as wanted and, while it runs, neither starting nor unhealthy."""
    if not is_as_wanted(world, wanted):
        return False
    found = own_container(world, wanted)
    return found is None or found.state is not EngineState.RUNNING or found.health in _WELL


def old_name(name: str) -> str:
    """Return what a container is renamed to while its successor takes over."""
    return f"{name}-old"
