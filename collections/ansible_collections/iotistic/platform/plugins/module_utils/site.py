# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole site on a machine: what there is of it, and how each piece goes."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _bridges, _processes, _supervisor
from ._contract.errors import ContractError
from ._contract.planning.site import (
    ActualSite,
    EndProcesses,
    Process,
    RemoveBridge,
    RemoveObject,
    RemovePath,
    StopPrograms,
    StopSupervisor,
    Unmount,
)
from ._engine import Engine
from ._run_folder import owned_by_us

__all__ = ["Place", "Site", "place_from"]

MARKER = "site.json"
ENGINE_DATA = "docker"
SITE_ID = re.compile(r"[0-9a-f]{8}")
STOP_SECONDS = 60
MNT_DETACH = 2


@dataclass(frozen=True)
class Place:
    """Where a site lies; checked: it is a site, and that one, or there is nothing."""

    id: str
    path: Path
    run: Path
    engines: tuple[str, ...]

    def __post_init__(self) -> None:
        if not SITE_ID.fullmatch(self.id):
            raise ContractError("/id", "not 8 lower-case hex digits")
        if not self.run.name.endswith(f"-{self.id}"):
            raise ContractError("/run", f"{self.run} isn't named by the site's id {self.id}")
        for option, folder in (("/path", self.path), ("/run", self.run)):
            if not folder.is_absolute() or len(folder.parts) < 3:
                raise ContractError(option, f"{folder} can't be a site's folder")
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                raise ContractError(option, f"{folder} isn't a folder; it is left alone")
        self._check_marker()
        self._check_owner()

    def _check_marker(self) -> None:
        marker = self.path / MARKER
        if marker.exists():
            if _marker(marker).get("id") != self.id:
                raise ContractError("/id", f"{self.path} is another site: see {marker}")
        elif self.path.exists() and _holds_files(self.path):
            raise ContractError(
                "/path", f"{self.path} isn't a site (it has no {MARKER}); it is left alone"
            )

    def _check_owner(self) -> None:
        for option, path in (("/path", self.path / MARKER), ("/run", self.run)):
            if not owned_by_us(path):
                raise ContractError(option, f"{path} belongs to another user; it is left alone")

    @property
    def supervisor(self) -> str:
        """The socket of the site's supervisor."""
        return str(self.run / "supervisor.sock")


def place_from(params: dict[str, Any]) -> Place:
    """Return the place that a task names; refuses what isn't the site's.

    Where the sockets are is what the site wrote down when it was made; else what the task says.
    """
    path = Path(params["path"])
    marker = _marker(path / MARKER)
    recorded = marker.get("run") if marker.get("id") == params["id"] else None
    run = Path(recorded if isinstance(recorded, str) else params["run"])
    return Place(
        id=params["id"],
        path=path,
        run=run,
        engines=tuple(params["engines"] or ("/var/run/docker.sock", str(run / "docker.sock"))),
    )


class Site:
    """Finds what there is of a site, and takes it away piece by piece."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def read(self) -> ActualSite:
        """Return all that the site has on this machine."""
        place = self._place
        processes = _processes.site_processes(place.id)
        supervisors = tuple(filter(_processes.is_supervisor, processes))
        objects = tuple(found for path in place.engines for found in Engine(path).objects(place.id))
        networks = {f"br-{each.id[:12]}" for each in objects if each.kind == "network"}
        bridges = _bridges.bridges_of(place.path / ENGINE_DATA)
        return ActualSite(
            supervisors=supervisors,
            programs=self._programs(processes) if supervisors else (),
            processes=tuple(each for each in processes if each not in supervisors),
            objects=objects,
            bridges=tuple(name for name in bridges if name not in networks),
            mounts=_mounts((place.path, place.run)),
            paths=tuple(str(each) for each in (place.run, place.path) if each.exists()),
        )

    def _programs(self, processes: tuple[Process, ...]) -> tuple[str, ...]:
        """Return the supervisor's programs, but not the one that runs the site's own engine."""
        engine = {each.pid for each in processes if each.program == "dockerd"}
        above = {pid for each in engine for pid in _processes.ancestors_of(each)}
        return tuple(
            sorted(
                name
                for name, pid in _supervisor.running(self._place.supervisor).items()
                if pid not in engine | above
            )
        )

    def apply(self, step: Any) -> None:
        """Do one step of a plan; what is gone already is fine."""
        match step:
            case StopPrograms(names=names):
                _supervisor.stop(self._place.supervisor, names)
            case RemoveObject(target=target):
                Engine(target.engine).remove(target)
            case StopSupervisor(process=process):
                self._stop(process)
            case EndProcesses():
                self._end_all()
            case RemoveBridge(name=name):
                _bridges.remove(name)
            case Unmount(path=path):
                _unmount(path)
            case RemovePath(path=path):
                _remove(Path(path))

    def _stop(self, process: Process) -> None:
        """Let the supervisor stop its programs in its own time, within reason."""
        os.kill(process.pid, 15)
        _processes.end(_processes.wait_gone((process,), STOP_SECONDS))

    def _end_all(self) -> None:
        """End what is there by now: processes of the first look may have begun others."""
        for _attempt in range(3):
            processes = _processes.site_processes(self._place.id)
            if not processes:
                return
            _processes.end(processes)


def _marker(path: Path) -> dict[str, object]:
    """Return what a site says of itself; nothing when it says nothing that can be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError):
        return {}
    return document if isinstance(document, dict) else {}


def _holds_files(folder: Path) -> bool:
    return any(not each.is_dir() for each in folder.rglob("*"))


def _mounts(folders: tuple[Path, ...]) -> tuple[str, ...]:
    """Return what is mounted below the folders (proc_pid_mountinfo(5), octal escapes undone)."""
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    points = [
        re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
        for line in lines
    ]
    return tuple(
        point for point in points if any(folder in Path(point).parents for folder in folders)
    )


def _unmount(path: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.umount2(os.fsencode(path), MNT_DETACH) == 0:
        return
    number = ctypes.get_errno()
    if number not in {errno.EINVAL, errno.ENOENT}:  # not mounted any more
        raise OSError(number, os.strerror(number), path)


def _remove(folder: Path) -> None:
    """Remove a folder, its marker last: what a killed run leaves is still known as a site."""
    for child in folder.iterdir():
        if child.name == MARKER:
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink(missing_ok=True)
    (folder / MARKER).unlink(missing_ok=True)
    folder.rmdir()
