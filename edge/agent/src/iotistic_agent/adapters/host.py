"""Facts about the machine that the agent runs on."""

import os.path
import platform
import socket
from collections.abc import Iterable
from pathlib import Path

from iotistic_agent.settings import Settings
from iotistic_contract.planning.container_target import HostPaths

__all__ = ["host_paths", "links_among", "local_ip", "mac_address", "os_version"]

_NOWHERE = "00:00:00:00:00:00"


def host_paths(settings: Settings, program: Path) -> HostPaths:
    """Return the engine's socket and what is the agent's own, as told and as they really are.

    ``program`` is the prefix of its Python. Beside a virtual environment are the others of the
    install, the link to the current one, and the settings.
    """
    own = [settings.state_dir, settings.policy_file, settings.api_socket, program]
    if settings.provisioning_file is not None:
        own.append(settings.provisioning_file)
    if settings.registries.auth_file is not None:
        own.append(settings.registries.auth_file)
    if (program / "pyvenv.cfg").exists():
        own.append(program.parent)
    return HostPaths(
        engine_sockets=_both(settings.engine_socket),
        own=tuple(path for each in own for path in _both(each)),
    )


def links_among(paths: Iterable[str]) -> frozenset[str]:
    """Return those of ``paths`` that lead through a symbolic link."""
    return frozenset(path for path in paths if os.path.realpath(path) != os.path.normpath(path))


def _both(path: Path) -> tuple[str, str]:
    return os.path.normpath(path.absolute()), os.path.realpath(path)


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
