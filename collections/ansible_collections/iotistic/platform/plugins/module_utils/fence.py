# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fencing number in a file: compare and set under a lock beside it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._contract.errors import ContractError
from ._files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._contract.planning.fence import SetFence

__all__ = ["Fence"]


class Fence:
    """The number that a file holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep everybody else from reading and setting the number meanwhile."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(f"{self._path.name}.lock")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def read(self) -> int | None:
        """Return the number, or None when none was ever set."""
        try:
            text = self._path.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        if not text.isdecimal():
            raise ContractError("/path", f"{self._path} holds no fencing number")
        return int(text)

    def apply(self, step: SetFence) -> None:
        """Set the number, while the lock is held."""
        write_text(self._path, f"{step.number}\n")
