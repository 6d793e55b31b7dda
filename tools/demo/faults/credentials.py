"""A fault of trust: a device's credentials are revoked, until it is let in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .world import current

if TYPE_CHECKING:
    from tools.demo.api import Api
    from tools.demo.parts import Device

    from .watch import Watch
    from .world import World

__all__ = ["revoke"]

A_DAY = 86400.0


def revoke(world: World, device: Device, watch: Watch, *, readmit: bool = False) -> None:
    """Shut a device out, and follow until it is in again: by itself it never is.

    ``readmit`` lets it in through the API; else a person does so in the dashboard.
    """
    tenant = world.tenant_of(device)
    api, path = world.api(tenant), f"/api/v1/devices/{device.uuid}"
    before = _view(api, path)["registeredAt"]
    api.call("DELETE", f"{path}/keys")
    watch.did(f"revoked the key and the certificate of {device.name}")
    watch.until("it is shut out", lambda: not current(api, device)["online"])
    watch.tell("its containers run on: nobody stops them")
    if readmit:
        api.call("POST", f"{path}/readmit")
        watch.tell("let in again through the API")
    else:
        page = f"{tenant.dashboard}/devices/{device.uuid}"
        watch.tell(f'let it in again: {page}, Settings, "Let in again"')
        watch.tell(f"or: ./run demo break revoke {device.name} --readmit")
        watch.until("somebody has let it in again", lambda: _is_open(api, path), A_DAY)
    world.supervisor.restart(device.program)
    watch.tell("its agent was started again: by itself it asks once an hour")
    watch.until("it has registered", lambda: _view(api, path)["registeredAt"] not in {None, before})
    watch.until("it is online", lambda: current(api, device)["online"])


def _view(api: Api, path: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(path)
    return found


def _is_open(api: Api, path: str) -> bool:
    view = _view(api, path)
    return view["reregisterUntil"] is not None or view["online"]
