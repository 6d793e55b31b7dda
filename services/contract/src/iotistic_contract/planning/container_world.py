"""What there is on a device's engine, and what is wanted there, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..target_state import DependsOn, ServiceState

__all__ = ["Container", "EngineState", "Refusal", "Target", "WantedContainer", "World"]


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
    network it shares.
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
    networks: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    network_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the engine holds of this device.

    ``images`` maps references to image ids, ``digests`` those to what registries call them, and
    ``networks`` names to ids. ``fresh_images`` were
    pulled since the target came; ``held_…`` are those whose last try failed, or is under way:
    nothing is asked for them meanwhile.
    """

    containers: tuple[Container, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    fresh_images: frozenset[str] = frozenset()
    held_images: frozenset[str] = frozenset()
    held_services: frozenset[str] = frozenset()
    held_networks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedContainer:
    """One service as its container must be.

    ``body`` is the engine's create request without
    secrets; ``secrets`` maps variables to sealed values. ``config_hash`` covers both.
    ``network_service`` names the service of the same app whose network it shares.
    """

    app_id: str
    service_id: str
    service_name: str
    name: str
    image: str
    state: ServiceState
    config_hash: str
    always_pull: bool = False
    runs_once: bool = False
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    ports: frozenset[str] = frozenset()
    depends_on: Mapping[str, DependsOn] = field(default_factory=dict)
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

    What a refused service had before stays as it is.
    """

    containers: tuple[WantedContainer, ...] = ()
    refused: tuple[Refusal, ...] = ()
