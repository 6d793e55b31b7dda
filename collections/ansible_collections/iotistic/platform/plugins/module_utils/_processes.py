# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live processes of a site, told by their environment, and how they end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._contract.planning.site import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ancestors_of", "end", "is_supervisor", "site_processes", "wait_gone"]

PROC = Path("/proc")
VARIABLE = "IOTISTIC_SITE"
GRACE = 5.0
PAUSE = 0.05


def site_processes(site_id: str) -> tuple[Process, ...]:
    """Return the processes with the site's id in their environment, but not who is asking."""
    mark = f"{VARIABLE}={site_id}".encode()
    asking = {os.getpid(), *ancestors_of(os.getpid())}
    found = []
    for folder in PROC.glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            if pid not in asking and mark in (folder / "environ").read_bytes().split(b"\0"):
                started = _started(pid)
                if started is not None:
                    found.append(Process(pid=pid, started=started, program=_program(folder)))
    return tuple(sorted(found, key=lambda process: process.pid))


def ancestors_of(pid: int) -> tuple[int, ...]:
    """Return the ids of a process' parent, its parent, and so on."""
    above = []
    while pid > 1:
        parent = _parent(pid)
        if parent is None:
            break
        above.append(parent)
        pid = parent
    return tuple(above)


def is_supervisor(process: Process) -> bool:
    """Return whether a process is a supervisord."""
    return process.program == "supervisord"


def end(processes: Iterable[Process]) -> None:
    """Ask each process to end, and force those that are still there after a while."""
    left = tuple(processes)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            if _is_there(process):
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        left = wait_gone(left, GRACE)
    if left:
        told = ", ".join(f"{process.pid} ({process.program})" for process in left)
        raise TimeoutError(f"these processes don't end: {told}")


def wait_gone(
    processes: Iterable[Process], seconds: float, now: Callable[[], float] = time.monotonic
) -> tuple[Process, ...]:
    """Return those of the processes that are still there after so many seconds at most."""
    deadline = now() + seconds
    while True:
        left = tuple(process for process in processes if _is_there(process))
        if not left or now() > deadline:
            return left
        time.sleep(PAUSE)


def _is_there(process: Process) -> bool:
    """Return whether it still runs; its number may belong to another process by now."""
    return _started(process.pid) == process.started


def _started(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None for a dead one."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in {"Z", "X"} else None


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (proc(5)); empty when it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _program(folder: Path) -> str:
    """Return the name of the program; of a script, the script's."""
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    names = [Path(word).name for word in words[:2]]
    if len(names) == 2 and names[0].startswith("python") and not words[1].startswith("-"):
        return names[1]
    return names[0]
