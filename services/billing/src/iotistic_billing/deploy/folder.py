"""The folder of one job's run: in memory, for its owner alone, gone when the run is over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JobFolder", "sweep"]

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(slots=True)
class JobFolder:
    """A 0700 folder that is locked as long as its worker lives.

    What a killed worker leaves, the next ``sweep`` of any worker on this machine removes.
    """

    path: Path
    _descriptor: int

    @classmethod
    def create(cls, root: Path, site: str, job_id: str, fence: int) -> Self:
        """Make the folder; those of the same job that a lower fence made are removed."""
        for left in root.glob(f"{_prefix(site)}{job_id}-*"):
            shutil.rmtree(left, ignore_errors=True)
        path = root / f"{_prefix(site)}{job_id}-{fence}"
        while True:
            path.mkdir(mode=0o700)
            descriptor = os.open(path, _OPEN)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return cls(path, descriptor)
            os.close(descriptor)

    def write(self, name: str, text: str) -> Path:
        """Store ``text`` 0600 as ``name``; return where."""
        path = self.path / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    def write_all(self, folder: str, texts: Mapping[str, str]) -> Path:
        """Store each text 0600 in ``folder``; return that folder."""
        for name, text in texts.items():
            self.write(f"{folder}/{name}", text)
        return self.path / folder

    def remove(self) -> None:
        """Remove everything and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def sweep(root: Path, site: str) -> list[str]:
    """Remove folders whose worker is gone; return their names."""
    removed = []
    for path in root.glob(f"{_prefix(site)}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, _OPEN)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path.name)
            finally:
                os.close(descriptor)
    return removed


def _prefix(site: str) -> str:
    return f"iotistic-job-{site or 'alone'}-"
