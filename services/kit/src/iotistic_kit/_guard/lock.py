"""One run at a time."""

import fcntl
import os

from .kernel import say
from .options import UsageError

__all__ = ["acquire"]


def acquire(path: str) -> int:
    """Return the descriptor of the locked file ``path``; wait, and say so, while it is taken.

    The lock lasts as long as the descriptor. When whoever held it removed the file meanwhile, a
    new one is made and waited for.
    """
    while True:
        descriptor = _open(path)
        _wait(descriptor)
        if _still_there(descriptor, path):
            break
        os.close(descriptor)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


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
