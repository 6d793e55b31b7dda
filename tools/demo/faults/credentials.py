"""A fault of trust: a device's credentials are revoked, until it is let in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .processes import BROKER_PORT, connections, kill
from .world import current

if TYPE_CHECKING:
    from tools.demo.api import Api
    from tools.demo.parts import Device, Tenant

    from .watch import Watch
    from .world import World

__all__ = ["revoke"]

AN_HOUR = 3600.0


def revoke(world: World, device: Device, watch: Watch, *, readmit: bool = False) -> None:
    """Shut a device out, and follow until it is in again: by itself it never is.

    ``readmit`` lets it in through the API; else a person does so in the dashboard.
    """
    tenant = world.tenant_of(device)
    api, path = world.api(tenant), f"/api/v1/devices/{device.uuid}"
    if _view(api, path)["keysRevokedAt"] is None:
        _shut_out(api, device, tenant, watch)
    else:
        watch.did(f"the credentials of {device.name} are revoked already")
    if readmit:
        api.call("POST", f"{path}/readmit")
        watch.tell("let in again through the API")
    else:
        page = f"{tenant.dashboard}/devices/{device.uuid}"
        watch.tell(f'let it in again: {page}, Settings, "Let it register again"')
        watch.tell(f"or: ./run demo break revoke {device.name} --readmit")
        watch.until("somebody has let it in again", lambda: _is_open(api, path), AN_HOUR)
    seen = current(api, device)["receivedAt"]
    kill(world, device.program)
    watch.tell("its agent was killed, to start anew: by itself it asks once an hour")
    watch.until("it has registered anew", lambda: _view(api, path)["keysRevokedAt"] is None)
    watch.until("its tenant has a report from it", lambda: _reported(api, device, seen))


def _shut_out(api: Api, device: Device, tenant: Tenant, watch: Watch) -> None:
    path = f"/api/v1/devices/{device.uuid}"
    linked = connections(tenant.host, BROKER_PORT)
    api.call("DELETE", f"{path}/keys")
    watch.did(f"revoked the key and the certificate of {device.name}")
    watch.until("its tenant takes neither", lambda: bool(_view(api, path)["keysRevokedAt"]))
    watch.until("the broker has ended its connection",
                lambda: connections(tenant.host, BROKER_PORT) < linked)  # fmt: skip
    watch.tell("its containers run on: nobody stops them")


def _view(api: Api, path: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(path)
    return found


def _is_open(api: Api, path: str) -> bool:
    view = _view(api, path)
    return view["reregisterUntil"] is not None or view["keysRevokedAt"] is None


def _reported(api: Api, device: Device, before: str | None) -> bool:
    return bool(current(api, device)["receivedAt"] != before)
