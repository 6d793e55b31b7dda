"""What a fault is made with: the site, and who is asked how it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tools.demo.api import Api, billing_of, tenant_api
from tools.demo.engine import Engine
from tools.demo.parts import UnknownNameError, parts_of
from tools.demo.supervisor import Supervisor, own_pid

if TYPE_CHECKING:
    from tools.demo.parts import Device, Parts, Tenant
    from tools.demo.site import Site

__all__ = ["World"]

SCOPES = "read devices target-states"


@dataclass(frozen=True)
class World:
    """A site that runs; each way to ask it is made when it is first used."""

    site: Site

    @cached_property
    def parts(self) -> Parts:
        """Its parts; UnknownNameError before a run has come to its end."""
        return parts_of(self.site)

    @cached_property
    def supervisor(self) -> Supervisor:
        """Its supervisor."""
        return Supervisor(self.site.supervisor_socket)

    @cached_property
    def engine(self) -> Engine:
        """The engine that runs its devices' containers."""
        return Engine(self.site.engine_socket)

    @cached_property
    def billing(self) -> Api:
        """Billing, as its administrator."""
        if self.parts.billing is None:
            raise UnknownNameError("part", "billing", [])
        return billing_of(self.site, self.parts.billing)

    def api(self, tenant: Tenant) -> Api:
        """Return a tenant's API with what the faults need, and no more."""
        return tenant_api(self.site, self.billing, tenant, SCOPES)

    def pid(self, program: str) -> int:
        """Return a program's own process, 0 while it doesn't run."""
        return own_pid(self.supervisor.program(program))

    def tenant_of(self, device: Device) -> Tenant:
        """Return whose device it is."""
        return self.parts.tenant(device.tenant)


def current(api: Api, device: Device) -> dict[str, Any]:
    """Return ``online``, ``receivedAt`` and ``report`` of a device, as its tenant has them."""
    found: dict[str, Any] = api.get(f"/api/v1/devices/{device.uuid}/current-state")
    return found
