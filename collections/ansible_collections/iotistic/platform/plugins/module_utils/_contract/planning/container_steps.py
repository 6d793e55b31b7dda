# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The steps that a container engine is asked for; each is safe to repeat."""

from dataclasses import dataclass

__all__ = [
    "CreateContainer",
    "CreateNetwork",
    "CreateVolume",
    "PauseContainer",
    "PullImage",
    "RemoveContainer",
    "RemoveImage",
    "RemoveNetwork",
    "RemoveVolume",
    "RenameContainer",
    "RestartContainer",
    "StartContainer",
    "Step",
    "StopContainer",
    "UnpauseContainer",
]


@dataclass(frozen=True, slots=True)
class PullImage:
    """Bring the image ``image`` onto the device."""

    image: str


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """Remove an image that this device brought and needs no more."""

    image: str


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """Make the network with the engine's name ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Make the volume with the engine's name ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """Remove a network that nothing uses any more."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Delete the volume with all its data: only for a purge."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """Create, not start, the container of a service."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start the container ``name`` of a service; it keeps its id."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop the container; it keeps its id."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PauseContainer:
    """Freeze the running container."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class UnpauseContainer:
    """Let the frozen container go on."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RestartContainer:
    """Stop and start the container, which keeps its id."""

    service_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RenameContainer:
    """Let the running container make room for its successor's name."""

    service_id: str
    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove the container, never its volumes."""

    service_id: str
    name: str


Step = (
    PullImage
    | RemoveImage
    | CreateNetwork
    | CreateVolume
    | RemoveNetwork
    | RemoveVolume
    | CreateContainer
    | StartContainer
    | StopContainer
    | PauseContainer
    | UnpauseContainer
    | RestartContainer
    | RenameContainer
    | RemoveContainer
)
