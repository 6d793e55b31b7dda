# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisioning keys of one tenant, and the file that holds one: the planner's adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._client import ApiError, Client, quoted
from ._contract.codec import encode
from ._contract.errors import ContractError
from ._contract.planning.provisioning_key import (
    ActualKey,
    ActualKeys,
    CreateKey,
    ProvisioningKey,
    RemoveFile,
    RevokeKey,
)
from ._contract.provisioning import ProvisioningString
from ._files import write_secret
from ._options import time_option, time_or_none

__all__ = ["SCOPE", "ProvisioningKeys", "desired_from"]

SCOPE = "read provisioning-keys"
KEYS = "/api/provisioning-keys"


def desired_from(params: dict[str, Any]) -> ProvisioningKey:
    """Return the key that a task asks for."""
    return ProvisioningKey(
        name=params["name"],
        max_devices=params["max_devices"],
        expires_at=time_option(params, "expires_at"),
        fleet=params["fleet"],
        device_uuid=params["device_uuid"],
        dest=params["dest"],
        state=params["state"],
    )


class ProvisioningKeys:
    """Reads keys and the file of one; does a plan's steps."""

    def __init__(self, tenant: Client) -> None:
        self._tenant = tenant

    def read(self, desired: ProvisioningKey) -> ActualKeys:
        """Return the tenant's keys of that name, and the id of the key in the file."""
        views = self._tenant.items(KEYS, {"limit": 1000})
        return ActualKeys(
            keys=tuple(_actual(view) for view in views if view.get("name") == desired.name),
            dest_key_id=_key_id(Path(desired.dest)),
        )

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case RevokeKey(id=key_id):
                self._revoke(key_id)
            case CreateKey():
                self._create(step)
            case RemoveFile(path=path):
                Path(path).unlink(missing_ok=True)

    def _revoke(self, key_id: str) -> None:
        try:
            self._tenant.call("DELETE", f"{KEYS}/{quoted(key_id)}")
        except ApiError as error:
            if error.status != 404:
                raise

    def _create(self, step: CreateKey) -> None:
        wanted = {
            "name": step.name,
            "maxDevices": step.max_devices,
            "expiresAt": encode(step.expires_at),
            "fleet": step.fleet,
            "deviceUuid": step.device_uuid,
        }
        body = {name: value for name, value in wanted.items() if value is not None}
        made = self._tenant.call("POST", KEYS, body).body
        try:
            write_secret(Path(step.dest), made["key"] + "\n")
        except OSError as error:
            self._revoke(made["id"])
            raise ApiError(f"dest: {step.dest}: {error.strerror}. The key is revoked.") from error


def _actual(view: dict[str, Any]) -> ActualKey:
    return ActualKey(
        id=view["id"],
        name=view["name"],
        max_devices=view["maxDevices"],
        expires_at=time_or_none(view.get("expiresAt")),
        fleet=view.get("fleet"),
        device_uuid=view.get("deviceUuid"),
        revoked=bool(view.get("revokedAt") or view.get("revoked")),
    )


def _key_id(path: Path) -> str | None:
    """Return the id of the key that a file holds; None when it holds none."""
    try:
        return ProvisioningString.parse(path.read_text("utf-8").strip()).key_id
    except (FileNotFoundError, ContractError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise ApiError(f"dest: {path}: {error.strerror}") from error
