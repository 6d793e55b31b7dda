"""One run at a time, and none beside the survivors of another one."""

import fcntl
import os

from .kernel import say
from .options import UsageError
from .tree import Process, end_all, has_variable, processes

__all__ = ["MARK", "acquire", "mark"]

MARK = "IOTISTIC_GUARD_LOCK"


def acquire(path: str, spare: str | None) -> int:
    """Return the descriptor of the locked file ``path``; wait, and say so, while it is taken.

    The lock lasts as long as the descriptor. When whoever held it removed the file meanwhile, a
    new one is made and waited for. What a guard that was killed left running is ended first: it
    is known by the variable ``MARK`` in its environment.
    """
    while True:
        descriptor = _open(path)
        _wait(descriptor)
        if _still_there(descriptor, path):
            break
        os.close(descriptor)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    end_all(lambda: _survivors(path, spare), 0, lambda: None)
    return descriptor


def mark(path: str) -> str:
    """Return the text by which everything started under the lock ``path`` is known."""
    return os.path.realpath(path)


def _open(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)  # noqa: PTH100, PTH103, PTH120
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise UsageError(f"can't open the lock {path}: {exc.strerror}") from None


def _wait(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        say(f"another run of this site is at work (pid {holder}): waiting")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _still_there(descriptor: int, path: str) -> bool:
    ours = os.fstat(descriptor)
    try:
        named = os.stat(path)  # noqa: PTH116 -- start-up time
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)


def _survivors(path: str, spare: str | None) -> list[Process]:
    ours = _lineage()
    return [
        process
        for process in processes()
        if process.pid not in ours
        and has_variable(process.pid, f"{MARK}={mark(path)}")
        and not (spare and has_variable(process.pid, f"{spare}="))
    ]


def _lineage() -> set[int]:
    parents = {process.pid: process.parent for process in processes()}
    ours, pid = set(), os.getpid()
    while pid and pid not in ours:
        ours.add(pid)
        pid = parents.get(pid, 0)
    return ours
