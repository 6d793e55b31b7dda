"""The processes below this one, found in /proc and ended."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .kernel import boot_seconds

__all__ = ["Process", "descendants", "end_all", "processes", "send", "thaw", "variable_of"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1


class Process(NamedTuple):
    """One process that isn't a zombie; pid and start together name it for good."""

    pid: int
    parent: int
    start: int


def processes() -> Iterator[Process]:
    """Yield every process of the machine but zombies."""
    for name in os.listdir("/proc"):  # noqa: PTH208 -- pathlib costs start-up time
        if name.isdigit():
            process = _read(int(name))
            if process is not None:
                yield process


def descendants(root: int, spare: str | None) -> list[Process]:
    """Return what is below ``root``, but for what has the variable ``spare``, and its children."""
    below: dict[int, list[Process]] = {}
    for process in processes():
        below.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        for process in below.get(waiting.pop(), ()):
            if spare is None or variable_of(process.pid, spare) is None:
                found.append(process)
                waiting.append(process.pid)
    return found


def variable_of(pid: int, name: str) -> str | None:
    """Return ``pid``'s environment variable ``name`` as it was at its start, None without it."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 -- start-up time
            environment = file.read()
    except OSError:
        return None
    for item in environment.split(b"\0"):
        known, _, value = item.partition(b"=")
        if known == name.encode():
            return os.fsdecode(value)
    return None


def send(process: Process, signal_number: int) -> None:
    """Send a signal to ``process``, never to another one that got its number since."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = _read(process.pid)
        if now is not None and now.start == process.start:
            signal.pidfd_send_signal(handle, signal_number)
    except OSError:
        return
    finally:
        os.close(handle)


def thaw(process: Process) -> None:
    """Let a process of a frozen cgroup (version 1) run: a paused container dies only then.

    In version 2 SIGKILL ends what is frozen.
    """
    try:
        with open(f"/proc/{process.pid}/cgroup", "rb") as file:  # noqa: PTH123 -- start-up time
            lines = file.read().decode(errors="replace").splitlines()
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers == "freezer" and path != "/":
                state = f"/sys/fs/cgroup/freezer{path}/freezer.state"
                with open(state, "w", encoding="ascii") as file:  # noqa: PTH123 -- start-up time
                    file.write("THAWED")
    except (OSError, ValueError):
        return


def end_all(find: Callable[[], list[Process]], patience: float, reap: Callable[[], None]) -> None:
    """End what ``find`` finds, again and again, until it finds nothing.

    First SIGTERM to those found now, then, ``patience`` seconds later, SIGKILL.
    """
    kill_at = boot_seconds() + patience
    if patience > 0:
        for process in find():
            send(process, signal.SIGTERM)
    pause = _FIRST_PAUSE
    while True:
        reap()
        alive = find()
        if not alive:
            return
        if boot_seconds() >= kill_at:
            for process in alive:
                send(process, signal.SIGKILL)
                thaw(process)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 -- start-up time
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in {b"Z", b"X"}:
        return None
    return Process(pid, int(fields[1]), int(fields[19]))
