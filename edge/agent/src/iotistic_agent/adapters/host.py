"""Facts about the machine that the agent runs on."""

import platform
import socket
from pathlib import Path

__all__ = ["local_ip", "mac_address", "os_version"]

_NOWHERE = "00:00:00:00:00:00"


def os_version() -> str | None:
    """Return the operating system's own name and version."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def mac_address(interfaces: Path = Path("/sys/class/net")) -> str | None:
    """Return the hardware address of the first interface that has one, with colons."""
    for file in sorted(interfaces.glob("*/address")):
        address = file.read_text(encoding="ascii").strip().lower()
        if len(address) == len(_NOWHERE) and address != _NOWHERE:
            return address
    return None


def local_ip(towards: str) -> str | None:
    """Return the address that packets to ``towards`` leave from; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None
