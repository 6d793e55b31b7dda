"""Paths of unix sockets that are longer than the kernel takes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["reachable"]

_MOST_BYTES = 107  # unix(7): sun_path has 108 with the closing zero


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name of ``path`` that ``bind`` and ``connect`` take, good within the block."""
    if len(os.fsencode(path)) <= _MOST_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
