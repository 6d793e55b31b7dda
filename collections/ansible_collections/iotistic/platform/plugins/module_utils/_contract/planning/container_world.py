# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What there is on a device's engine, and what is wanted there, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..probes import Probe
from ..target_state import DependsOn, ServiceState, UpdateStrategy

__all__ = [
    "NO_PROBES",
    "Container",
    "EngineState",
    "Probes",
    "Refusal",
    "Target",
    "WantedContainer",
    "World",
]


class EngineState(StrEnum):
    """The engine's words for a container."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    DEAD = "dead"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of this device as the engine shows it.

    ``networks`` maps names to ids, an id being "" where the engine doesn't tell; ``ports`` are
    ``[ip:]port/protocol`` on the host. ``network_of`` is id or name of the container whose
    network it shares; ``restarts`` counts the engine's own restarts since it was last started,
    at ``started_at``; ``address`` is where the device reaches it.
    """

    id: str
    name: str
    service_id: str
    config_hash: str
    image_id: str
    state: EngineState
    exit_code: int | None = None
    health: str | None = None
    error: str | None = None
    restarts: int = 0
    started_at: str | None = None
    address: str | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    network_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the engine holds of this device.

    ``images`` maps references to image ids, ``digests`` those to what registries call them, and
    ``networks`` names to ids. ``own_images`` are the references that this device brought, with
    their ids. ``fresh_images`` were pulled since the target came; ``cramped_images`` find no room
    on the disk; ``coming_images`` are being pulled. ``failing`` are the ids of containers that
    don't answer their liveness probe.
    ``held_…`` are those whose last try failed, or is under way: they aren't asked for meanwhile.
    """

    containers: tuple[Container, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    own_images: Mapping[str, str] = field(default_factory=dict)
    fresh_images: frozenset[str] = frozenset()
    cramped_images: frozenset[str] = frozenset()
    coming_images: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    held_images: frozenset[str] = frozenset()
    held_services: frozenset[str] = frozenset()
    held_networks: frozenset[str] = frozenset()
    held_removals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the agent asks a running container: whether it is up yet, alive, ready."""

    startup: Probe | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None

    def __bool__(self) -> bool:
        return any((self.startup, self.liveness, self.readiness))


NO_PROBES = Probes()


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedContainer:
    """One service as its container must be.

    ``body`` is the engine's create request without
    secrets; ``secrets`` maps variables to sealed values. ``config_hash`` covers both, and so does
    ``release_hash``, but for the label that only asks for a restart.
    ``network_service`` names the service of the same app whose network it shares.
    """

    app_id: str
    service_id: str
    service_name: str
    name: str
    image: str
    state: ServiceState
    config_hash: str
    release_hash: str = ""
    update_strategy: UpdateStrategy = UpdateStrategy.DOWNLOAD_THEN_KILL
    always_pull: bool = False
    runs_once: bool = False
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    ports: frozenset[str] = frozenset()
    depends_on: Mapping[str, DependsOn] = field(default_factory=dict)
    probes: Probes = NO_PROBES
    network_service: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a service isn't carried out: ``type`` is policy, unsupported or invalid."""

    app_id: str
    service_id: str
    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The containers that must be there, and the services that were refused.

    What a refused service had before stays as it is. ``prefetch`` are images to be brought for
    later; ``kept_images`` may be needed again. Others that the device brought are removed once
    all is as wanted, unless ``kept_images`` is None. ``restarts`` are lives of containers (id and
    start) that are to end once. Nothing must be left of ``purged_services`` and ``purged_volumes``.
    """

    containers: tuple[WantedContainer, ...] = ()
    refused: tuple[Refusal, ...] = ()
    prefetch: frozenset[str] = frozenset()
    kept_images: frozenset[str] | None = None
    restarts: frozenset[tuple[str, str | None]] = frozenset()
    purged_services: frozenset[str] = frozenset()
    purged_volumes: frozenset[str] = frozenset()
