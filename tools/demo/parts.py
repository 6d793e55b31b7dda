"""What a site is made of: its tenants and devices, as the last whole run wrote them down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .site import Site

__all__ = ["Device", "Parts", "Tenant", "UnknownNameError", "parts_of"]


class UnknownNameError(Exception):
    """Nothing has the name that was given; ``str()`` lists what there is."""

    def __init__(self, what: str, name: str, known: Sequence[str]) -> None:
        there = ", ".join(known) or "none yet"
        super().__init__(f"there is no {what} {name}; there is: {there}")


@dataclass(frozen=True)
class Tenant:
    """A tenant: its name in the inventory, its ids, and where it answers."""

    name: str
    id: str
    short_id: str
    plan: str
    url: str
    dashboard: str

    @property
    def host(self) -> str:
        """Its address."""
        return self.url.partition("//")[2].partition(":")[0]


@dataclass(frozen=True)
class Device:
    """A device: its name in the inventory, whose it is, and where its services listen."""

    name: str
    uuid: str
    tenant: str
    address: str

    @property
    def program(self) -> str:
        """What the supervisor calls its agent."""
        return f"device-{self.name}"


Named = TypeVar("Named", Tenant, Device)


@dataclass(frozen=True)
class Parts:
    """The parts of a site; empty while its first run is at work."""

    billing: str | None = None
    registry: str | None = None
    tenants: tuple[Tenant, ...] = ()
    devices: tuple[Device, ...] = ()

    def tenant(self, name: str | None) -> Tenant:
        """Return the tenant of this name, or the first one; raise UnknownNameError."""
        return _named(self.tenants, "tenant", name)

    def device(self, name: str | None) -> Device:
        """Return the device of this name, or the first one; raise UnknownNameError."""
        return _named(self.devices, "device", name)

    def devices_of(self, tenant: Tenant) -> tuple[Device, ...]:
        """Return a tenant's devices."""
        return tuple(device for device in self.devices if device.tenant == tenant.name)

    def owner(self, program: str) -> str:
        """Return what a program belongs to: ``platform``, ``tenant NAME`` or ``device NAME``."""
        if program.startswith("device-"):
            return f"device {program.removeprefix('device-')}"
        short_id, dash, _ = program.partition("-")
        for tenant in self.tenants:
            if dash and tenant.short_id == short_id:
                return f"tenant {tenant.name}"
        is_id = dash and len(short_id) == 8 and set(short_id) <= set("0123456789abcdef")
        return f"tenant {short_id}" if is_id else "platform"


def parts_of(site: Site) -> Parts:
    """Return the parts of a site; none of them before a run has come to its end."""
    path = site.state / "parts.json"
    return _parts(json.loads(path.read_text())) if path.exists() else Parts()


def _parts(document: Mapping[str, Any]) -> Parts:
    return Parts(
        billing=document["billing"],
        registry=document["registry"],
        tenants=tuple(Tenant(**tenant) for tenant in document["tenants"]),
        devices=tuple(Device(**device) for device in document["devices"]),
    )


def _named(found: tuple[Named, ...], what: str, name: str | None) -> Named:
    for one in found:
        if name in {None, one.name}:
            return one
    raise UnknownNameError(what, name or "at all", [one.name for one in found])
