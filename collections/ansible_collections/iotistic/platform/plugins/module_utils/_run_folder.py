# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a site's sockets: ours alone, or refused."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["claim", "owned_by_us"]

MODE = 0o700


def claim(folder: Path) -> None:
    """Make the folder with mode 0700; raise PermissionError when it is there and not just so.

    Below /tmp anybody may have made it first, or a link of that name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=MODE)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{folder} isn't a folder: no socket is put there. Remove it")
    if found.st_uid != os.geteuid():
        raise PermissionError(
            f"{folder} belongs to another user (uid {found.st_uid}): no socket is put there. "
            "Have it removed, or set XDG_RUNTIME_DIR"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise PermissionError(
            f"{folder} is open to others (mode {mode:04o}): no socket is put there. "
            "Remove it, or set its mode to 0700 when nobody put anything there"
        )


def owned_by_us(path: Path) -> bool:
    """Return whether a path, not what it may link to, is ours; so is one that isn't there."""
    try:
        return path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True
