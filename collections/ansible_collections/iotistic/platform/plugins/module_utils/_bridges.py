# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network bridges that a container engine made and, when it was killed, left behind."""

from __future__ import annotations

import errno
import fcntl
import re
import socket
import struct
from pathlib import Path

__all__ = ["bridges_of", "remove"]

NETWORKS = "network/files/local-kv.db"
LINKS = Path("/sys/class/net")
NAME = re.compile(rb"br-[0-9a-f]{12}")
# By netdevice(7) and the header sockios.h.
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCBRDELBR = 0x8913, 0x8914, 0x89A1
IFF_UP = 1
REQUEST = struct.Struct("16sH22x")


def bridges_of(engine_data: Path) -> tuple[str, ...]:
    """Return the bridges on this machine that the engine with this data folder once made.

    The engine writes their names, which hold 48 random bits, into its store of networks.
    """
    try:
        store = (engine_data / NETWORKS).read_bytes()
    except OSError:
        return ()
    names = sorted({name.decode() for name in NAME.findall(store)})
    return tuple(name for name in names if (LINKS / name / "bridge").is_dir())


def remove(name: str) -> None:
    """Remove a bridge; one that is gone already is fine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            held = fcntl.ioctl(control, SIOCGIFFLAGS, REQUEST.pack(name.encode(), 0))
            flags = REQUEST.unpack(held)[1] & ~IFF_UP
            fcntl.ioctl(control, SIOCSIFFLAGS, REQUEST.pack(name.encode(), flags))
            fcntl.ioctl(control, SIOCBRDELBR, name.encode().ljust(16, b"\0"))
        except OSError as error:
            if error.errno not in {errno.ENODEV, errno.ENXIO}:
                raise OSError(error.errno, f"bridge {name}: {error.strerror}") from error
