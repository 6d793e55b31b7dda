"""How a site is: a value that is gathered elsewhere, judged and shown here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .text import duration, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .supervisor import Program

__all__ = ["DeviceState", "ServiceState", "State"]


@dataclass(frozen=True)
class ServiceState:
    """A server: where it is, and what is wrong with it (None when it says that it is ready)."""

    name: str
    program: str
    address: str
    trouble: str | None


@dataclass(frozen=True)
class DeviceState:
    """A device as its tenant knows it, and what is wrong with it."""

    name: str
    tenant: str
    address: str
    online: bool
    applied: int | None
    wanted: int | None
    services: Mapping[str, str]
    trouble: str | None


@dataclass(frozen=True)
class State:
    """A site; ``running`` is whether its supervisor answers, ``whole`` whether a run ended.

    ``silent`` are the numbers of supervisors that run and don't answer.
    """

    id: str
    folder: str
    running: bool
    whole: bool
    programs: tuple[tuple[str, Program], ...] = ()  # with whose each is
    services: tuple[ServiceState, ...] = ()
    devices: tuple[DeviceState, ...] = ()
    silent: tuple[int, ...] = ()

    @property
    def troubles(self) -> list[str]:
        """Return what is wrong, a sentence each; nothing when all is well."""
        return list(self._troubles())

    def _troubles(self) -> Iterator[str]:
        for pid in self.silent:
            yield f"its supervisor, process {pid}, doesn't answer: ./run demo start"
        if self.silent:
            return
        if not self.running:
            yield "it is stopped: ./run demo start"
            return
        if not self.whole:
            yield "no run has come to its end: ./run demo"
        for _, program in self.programs:
            if not program.well:
                yield f"{program.name} is {program.state}: ./run demo logs {program.name}"
        found = [(service.name, service.trouble) for service in self.services]
        found += [(device.name, device.trouble) for device in self.devices]
        yield from (f"{name}: {trouble}" for name, trouble in found if trouble)

    def document(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        return {
            "site": {"id": self.id, "folder": self.folder, "running": self.running},
            "well": not self.troubles,
            "troubles": self.troubles,
            "programs": [
                {"name": program.name, "of": owner, "state": program.state,
                 "uptime_seconds": program.uptime, "detail": program.detail or None}
                for owner, program in self.programs
            ],
            "services": [asdict(one) | {"ready": not one.trouble} for one in self.services],
            "devices": [asdict(device) for device in self.devices],
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Return it for people."""
        told = [f"Site {self.id} in {self.folder}"]
        for owner in dict.fromkeys(owner for owner, _ in self.programs):
            told += ["", owner, *table(self._rows(owner))]
            told += [_device_line(one) for one in self.devices if owner == f"device {one.name}"]
        troubles = self.troubles
        verdict = ["All is well."] if not troubles else ["Not well:"]
        return [*told, "", *verdict, *(f"  {trouble}" for trouble in troubles)]

    def _rows(self, owner: str) -> Iterator[tuple[str, ...]]:
        services = {service.program: service for service in self.services}
        for of, program in self.programs:
            if of != owner:
                continue
            service = services.get(program.name)
            health = "" if service is None else "NOT READY" if service.trouble else "ready"
            uptime = duration(program.uptime) if program.uptime else ""
            address = service.address if service else ""
            yield program.name, program.state.lower(), uptime, health, address


def _device_line(device: DeviceState) -> str:
    services = ", ".join(f"{name} {state}" for name, state in device.services.items())
    version = f"version {_number(device.applied)} of {_number(device.wanted)}"
    return f"  {'online' if device.online else 'OFFLINE'}, {version}; {services or 'no services'}"


def _number(version: int | None) -> str:
    return "?" if version is None else str(version)
