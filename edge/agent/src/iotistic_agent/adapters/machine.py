"""The machine as its kernel shows it in /proc and /sys."""

import fcntl
import os
import platform
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from iotistic_agent.metering import Interface, Reading

__all__ = ["Machine"]

_SIOCGIFADDR = 0x8915  # netdevice(7)
_MOST_INTERFACES = 32


class Machine:
    """Reads ``/proc`` and ``/sys`` below ``root``, and the file system that ``folder`` is on."""

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder = folder
        self._proc = root / "proc"
        self._sys = root / "sys"
        self._root = root

    def read(self) -> Reading:
        """Return all texts as of now; what isn't there is None."""
        return Reading(
            stat=_text(self._proc / "stat"),
            meminfo=_text(self._proc / "meminfo"),
            loadavg=_text(self._proc / "loadavg"),
            uptime=_text(self._proc / "uptime"),
            zones=tuple(self._zones()),
            processes=tuple(self._processes()),
            storage=self._storage(),
            interfaces=tuple(self._interfaces()),
            undervolted=self._undervolted(),
            page_size=os.sysconf("SC_PAGE_SIZE"),
        )

    def system(self) -> dict[str, object]:
        """Return the report's ``system``: what changes with the machine or its start only."""
        model = _text(self._proc / "device-tree/model") or _text(
            self._sys / "class/dmi/id/product_name"
        )
        facts = {
            "hostname": platform.node() or None,
            "kernel": platform.release() or None,
            "architecture": platform.machine() or None,
            "model": model.strip("\0\n ") or None if model else None,
            "cpuCores": os.cpu_count(),
            "python": platform.python_version(),
            "bootId": (_text(self._proc / "sys/kernel/random/boot_id") or "").strip() or None,
        }
        return {name: fact for name, fact in facts.items() if fact is not None}

    def reboot_required(self) -> bool:
        """Tell whether an update waits for a restart, as Debian notes it."""
        return any((self._root / run / "reboot-required").exists() for run in ("run", "var/run"))

    def patch_level(self) -> str | None:
        """Return Debian's point release."""
        return (_text(self._root / "etc/debian_version") or "").strip() or None

    def _zones(self) -> Iterator[tuple[str, str]]:
        for zone in sorted((self._sys / "class/thermal").glob("thermal_zone*")):
            kind, temperature = _text(zone / "type"), _text(zone / "temp")
            if kind and temperature:
                yield kind.strip(), temperature.strip()

    def _processes(self) -> Iterator[str]:
        for folder in self._proc.glob("[0-9]*"):
            if text := _text(folder / "stat"):
                yield text

    def _storage(self) -> tuple[int, int] | None:
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return None
        total = found.f_blocks * found.f_frsize
        return (total - found.f_bfree * found.f_frsize, total) if total else None

    def _interfaces(self) -> Iterator[Interface]:
        """Yield hardware and whatever has an address: a container's end of a pair has none."""
        folders = sorted((self._sys / "class/net").glob("*"))[:_MOST_INTERFACES]
        for folder in folders:
            ip4 = _ip4(folder.name)
            if ip4 is None and not (folder / "device").exists():
                continue
            mac = (_text(folder / "address") or "").strip().lower()
            state = (_text(folder / "operstate") or "").strip()
            yield Interface(name=folder.name, mac=mac or None, ip4=ip4, state=state or None)

    def _undervolted(self) -> str | None:
        for sensor in (self._sys / "class/hwmon").glob("hwmon*"):
            if (_text(sensor / "name") or "").strip() == "rpi_volt":
                return _text(sensor / "in0_lcrit_alarm")
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _ip4(interface: str) -> str | None:
    """Return the interface's first IPv4 address."""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFADDR, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])
