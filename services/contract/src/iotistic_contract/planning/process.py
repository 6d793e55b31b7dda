"""What brings one supervised process of a site to its wanted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ActualProcess",
    "Process",
    "RemoveFile",
    "Replace",
    "StartSupervisor",
    "Stop",
    "WriteFile",
    "file_diffs",
    "plan",
]

ALIVE = frozenset({"RUNNING", "STARTING"})
HIDDEN = "(hidden)"
HIDDEN_BEFORE = "(hidden, another one)"
SECRET_WORDS = ("SECRET", "PASSWORD", "PASSPHRASE", "TOKEN", "KEY", "CREDENTIAL", "DSN")
PLACES = ("_FILE", "_DIR", "_PATH", "_SOCKET")  # where a secret lies is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A wanted process: the files that describe it, by path, and a hash of all it starts with.

    ``configuration`` covers command, environment, user and the configuration files that the
    program reads at its start: another hash means a restart.
    """

    name: str
    files: Mapping[str, str]
    configuration: str
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualProcess:
    """What is there: files by path, the supervisor's word, and what the process was started with.

    ``status`` is the supervisor's state name, None when it doesn't know the program or doesn't
    answer; ``configuration`` is read from the live process' own environment.
    """

    supervisor: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    configuration: str | None = None


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write ``path`` with ``text``, mode 0600, at one stroke."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove ``path``."""

    path: str


@dataclass(frozen=True, slots=True)
class StartSupervisor:
    """Start the site's supervisor; it starts each program it finds described."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Have the supervisor read the program anew and start it, stopping an older one first."""

    name: str
    configuration: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the program and make the supervisor forget it."""

    name: str


Step = WriteFile | RemoveFile | StartSupervisor | Replace | Stop


def plan(actual: ActualProcess, desired: Process) -> Plan:
    """Files first, then the supervisor, then the process itself."""
    steps = _present(actual, desired) if desired.present else _absent(actual, desired)
    return Plan(before=_before(actual, desired), after=_after(actual, desired), steps=tuple(steps))


def file_diffs(actual: ActualProcess, desired: Process) -> list[dict[str, str]]:
    """Return Ansible's diff of each file whose text changes, with secrets' values hidden.

    A secret is the value of a variable (a line ``NAME=value``) whose name says so and doesn't end
    as a path's does, or an address with a user in it; of one that changes, that it does is shown.
    """
    diffs = []
    for path, text in desired.files.items():
        before, after = actual.files.get(path, ""), text if desired.present else ""
        if before != after:
            diffs.append(_file_diff(path, before, after))
    return diffs


def _file_diff(path: str, before: str, after: str) -> dict[str, str]:
    kept = set(after.splitlines())
    return {
        "before_header": path,
        "after_header": path,
        "before": "".join(
            _shown(line, HIDDEN if line in kept else HIDDEN_BEFORE) for line in before.splitlines()
        ),
        "after": "".join(_shown(line, HIDDEN) for line in after.splitlines()),
    }


def _shown(line: str, mask: str) -> str:
    name, equals, value = line.partition("=")
    return f"{name}={mask}\n" if equals and _is_secret(name, value) else f"{line}\n"


def _is_secret(name: str, value: str) -> bool:
    words = name.strip().upper()
    if "://" in value and "@" in value:  # an address with a password in it
        return True
    return any(word in words for word in SECRET_WORDS) and not words.endswith(PLACES)


def _present(actual: ActualProcess, desired: Process) -> list[Step]:
    steps: list[Step] = [
        WriteFile(path, text)
        for path, text in desired.files.items()
        if actual.files.get(path) != text
    ]
    if not actual.supervisor:
        steps.append(StartSupervisor())
    elif actual.status not in ALIVE or actual.configuration != desired.configuration:
        steps.append(Replace(desired.name, desired.configuration))
    return steps


def _absent(actual: ActualProcess, desired: Process) -> list[Step]:
    steps: list[Step] = [Stop(desired.name)] if actual.status is not None else []
    return steps + [RemoveFile(path) for path in desired.files if path in actual.files]


def _before(actual: ActualProcess, desired: Process) -> dict[str, object]:
    return {
        "name": desired.name,
        "state": "running" if actual.status in ALIVE else "stopped",
        "configuration": actual.configuration if actual.status in ALIVE else None,
        "files": sorted(path for path in desired.files if path in actual.files),
    }


def _after(actual: ActualProcess, desired: Process) -> dict[str, object]:
    if not desired.present:
        return {"name": desired.name, "state": "stopped", "configuration": None, "files": []}
    unchanged = not _present(actual, desired)
    return {
        "name": desired.name,
        "state": "running",
        "configuration": actual.configuration if unchanged else desired.configuration,
        "files": sorted(desired.files),
    }
