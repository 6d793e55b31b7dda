# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of one tenant: between the planner and the tenant's API."""

from __future__ import annotations

from typing import Any

from ._client import ApiError, Client, quoted
from ._contract.planning.device import (
    ActualDevice,
    CreateDevice,
    DeleteDevice,
    Device,
    UpdateDevice,
)
from ._options import time_option, time_or_none

__all__ = ["SCOPE", "Devices", "desired_from"]

SCOPE = "read devices"
DEVICES = "/api/v1/devices"


def desired_from(params: dict[str, Any]) -> Device:
    """Return the device that a task asks for."""
    return Device(
        uuid=params["uuid"],
        name=params["name"],
        device_type=params["device_type"],
        fleet=params["fleet"],
        tags=params["tags"],
        reregister_until=time_option(params, "reregister_until"),
        state=params["state"],
    )


class Devices:
    """Reads devices and does a plan's steps."""

    def __init__(self, tenant: Client) -> None:
        self._tenant = tenant

    def view(self, uuid: str) -> dict[str, Any] | None:
        """Return the tenant's record of a device, or None."""
        try:
            return dict(self._tenant.get(f"{DEVICES}/{quoted(uuid)}").body)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def views(self, uuids: list[str] | None) -> list[dict[str, Any]]:
        """Return the records of these devices, or of all."""
        if uuids is None:
            return self._tenant.items(DEVICES, {"limit": 1000})
        found = (self.view(uuid) for uuid in uuids)
        return [view for view in found if view is not None]

    def current_state(self, uuid: str) -> dict[str, Any] | None:
        """Return a device's last report, when it came, and whether it is online; or None."""
        try:
            return dict(self._tenant.get(f"{DEVICES}/{quoted(uuid)}/current-state").body)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def read(self, uuid: str) -> ActualDevice | None:
        """Return a device as it is, or None."""
        view = self.view(uuid)
        if view is None:
            return None
        return ActualDevice(
            uuid=view["uuid"],
            name=view["name"],
            device_type=view.get("deviceType"),
            fleet=view.get("fleet"),
            tags=view.get("tags") or {},
            reregister_until=time_or_none(view.get("reregisterUntil")),
            registered=bool(view.get("registered")),
        )

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case CreateDevice(body=body):
                self._create(dict(body))
            case UpdateDevice(uuid=uuid, changes=changes):
                self._change(uuid, dict(changes))
            case DeleteDevice(uuid=uuid):
                self._tenant.call("DELETE", f"{DEVICES}/{quoted(uuid)}")

    def _create(self, body: dict[str, Any]) -> None:
        """Describe the device; the time for registering again is a change of what is there."""
        later = {name: body.pop(name) for name in ("reregisterUntil",) if name in body}
        self._tenant.call("POST", DEVICES, body)
        if later:
            self._change(body["uuid"], later)

    def _change(self, uuid: str, changes: dict[str, Any]) -> None:
        self._tenant.call("PATCH", f"{DEVICES}/{quoted(uuid)}", changes)
