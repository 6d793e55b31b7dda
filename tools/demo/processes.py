"""The site's processes as the machine has them: what a supervisor that is silent can't tell."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MARK", "Process", "ask_to_end", "await_end", "site_processes", "supervisors", "told"]

PROC = Path("/proc")
MARK = "IOTISTIC_SITE"
PAUSE = 0.1


@dataclass(frozen=True)
class Process:
    """A live process: its number, and its program; of a script, the script's name."""

    pid: int
    program: str


def site_processes(site_id: str) -> list[Process]:
    """Return what bears the site's id in its environment, but for who is asking."""
    mark, found = f"{MARK}={site_id}".encode(), []
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            ours = mark in (folder / "environ").read_bytes().split(b"\0")
            if ours and int(folder.name) != os.getpid():
                found.append(Process(int(folder.name), _program(folder)))
    return sorted(found, key=lambda process: process.pid)


def supervisors(site_id: str) -> list[Process]:
    """Return the site's supervisors, whether or not they answer."""
    return [process for process in site_processes(site_id) if process.program == "supervisord"]


def ask_to_end(processes: Sequence[Process]) -> None:
    """Have processes end; a supervisor ends its programs first."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)


def await_end(
    read: Callable[[], Sequence[Process]],
    patience: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[Process]:
    """Return () when all have ended, else those left when for so many seconds none has ended."""
    left, deadline = read(), now() + patience
    while left and now() < deadline:
        sleep(PAUSE)
        before, left = left, read()
        if len(left) < len(before):
            deadline = now() + patience
    return tuple(left)


def told(processes: Sequence[Process]) -> str:
    """Return processes for people: ``supervisord (12), postgres (34)``."""
    return ", ".join(f"{process.program} ({process.pid})" for process in processes)


def _program(folder: Path) -> str:
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    names = [Path(word).name for word in words[:2]]
    if len(names) == 2 and names[0].startswith("python") and not words[1].startswith("-"):
        return names[1]
    return names[0]
