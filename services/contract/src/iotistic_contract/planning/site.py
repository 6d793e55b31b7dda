"""What takes a whole site away, in the order in which nothing comes back or blocks the next."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Plan

__all__ = [
    "ActualSite",
    "EndProcesses",
    "EngineObject",
    "Process",
    "RemoveBridge",
    "RemoveObject",
    "RemovePath",
    "StopPrograms",
    "StopSupervisor",
    "Unmount",
    "plan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A live process: its id, when it started (clock ticks since boot), and its program."""

    pid: int
    started: int
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineObject:
    """A container, network or volume behind an engine's socket."""

    kind: str
    engine: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualSite:
    """All that a site has on the machine.

    ``programs`` are the names of those that its supervisor runs, without its own engine's;
    ``bridges`` are those of the engine's that no network behind its socket stands for any more.
    """

    supervisors: tuple[Process, ...] = ()
    programs: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    objects: tuple[EngineObject, ...] = ()
    bridges: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopPrograms:
    """Have the supervisor stop these programs, and wait."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSupervisor:
    """End the supervisor, and with it each program that it runs, and wait."""

    process: Process


@dataclass(frozen=True, slots=True)
class EndProcesses:
    """End these processes, by force when they don't leave."""

    processes: tuple[Process, ...]


@dataclass(frozen=True, slots=True)
class RemoveObject:
    """Remove a container, network or volume."""

    target: EngineObject


@dataclass(frozen=True, slots=True)
class RemoveBridge:
    """Remove a network bridge that an engine left behind."""

    name: str


@dataclass(frozen=True, slots=True)
class Unmount:
    """Detach what is mounted at ``path``."""

    path: str


@dataclass(frozen=True, slots=True)
class RemovePath:
    """Remove a folder or file with all that is in it."""

    path: str


Step = (
    StopPrograms
    | StopSupervisor
    | EndProcesses
    | RemoveObject
    | RemoveBridge
    | Unmount
    | RemovePath
)
ORDER = ("container", "network", "volume")


def plan(actual: ActualSite) -> Plan:
    """Programs first (agents would make containers anew), then what they made, then the engine.

    The supervisor goes before stray processes, for it would start them again; folders go last,
    the one that marks the site at the very end, so that a run cut short can be repeated.
    """
    steps: tuple[Step, ...] = (
        *((StopPrograms(actual.programs),) if actual.programs else ()),
        *(
            RemoveObject(target)
            for kind in ORDER
            for target in actual.objects
            if target.kind == kind
        ),
        *(StopSupervisor(process) for process in actual.supervisors),
        *((EndProcesses(actual.processes),) if actual.processes else ()),
        *(RemoveBridge(name) for name in actual.bridges),
        *(Unmount(path) for path in sorted(actual.mounts, reverse=True)),
        *(RemovePath(path) for path in actual.paths),
    )
    return Plan(before=_shown(actual), after={}, steps=steps)


def _shown(actual: ActualSite) -> dict[str, object]:
    processes = (*actual.supervisors, *actual.processes)
    shown = {
        "processes": sorted(f"{process.pid} {process.program}" for process in processes),
        "containers": _names(actual, "container"),
        "networks": _names(actual, "network"),
        "volumes": _names(actual, "volume"),
        "bridges": sorted(actual.bridges),
        "mounts": sorted(actual.mounts),
        "paths": list(actual.paths),
    }
    return {name: entries for name, entries in shown.items() if entries}


def _names(actual: ActualSite, kind: str) -> list[str]:
    return sorted(target.name for target in actual.objects if target.kind == kind)
