# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What makes one provisioning key, and the file that holds its string, what is wanted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from ..codec import encode
from ..errors import ContractError
from ..ids import check_uuid
from .plan import Plan

__all__ = [
    "ActualKey",
    "ActualKeys",
    "CreateKey",
    "KeyState",
    "ProvisioningKey",
    "RemoveFile",
    "RevokeKey",
    "plan",
]

KeyState = Literal["present", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningKey:
    """A key by its name, with the file that its string is written to, mode 0600.

    The string is shown once: what isn't in ``dest`` is lost, and the key is made anew.
    """

    name: str
    dest: str
    max_devices: int = 1
    expires_at: datetime | None = None
    fleet: str | None = None
    device_uuid: str | None = None
    state: KeyState = "present"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ContractError("name", "is empty")
        if not self.dest.startswith("/"):
            raise ContractError("dest", "not an absolute path")
        if self.max_devices < 1:
            raise ContractError("max_devices", "at least 1")
        if self.state not in get_args(KeyState):
            raise ContractError("state", f"present or absent, not {self.state!r}")
        if self.device_uuid is None:
            return
        if self.max_devices != 1:
            raise ContractError("max_devices", "a key bound to one uuid is for one device")
        try:
            check_uuid(self.device_uuid)
        except ContractError as exc:
            raise exc.under("device_uuid") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualKey:
    """One key as the tenant lists it, without its secret."""

    id: str
    name: str
    max_devices: int = 1
    expires_at: datetime | None = None
    fleet: str | None = None
    device_uuid: str | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualKeys:
    """The tenant's keys, and the id that the string in ``dest`` names (None without a string)."""

    keys: tuple[ActualKey, ...] = ()
    dest_key_id: str | None = None


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revoke the key with this id."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey:
    """Make a key and write its string to ``dest``, mode 0600, at one stroke."""

    name: str
    dest: str
    max_devices: int = 1
    expires_at: datetime | None = None
    fleet: str | None = None
    device_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove the file."""

    path: str


Step = RevokeKey | CreateKey | RemoveFile


def plan(actual: ActualKeys, desired: ProvisioningKey) -> Plan:
    """Revoke before creating: no key of this name stays whose string nobody holds."""
    live = [key for key in actual.keys if not key.revoked and key.name == desired.name]
    kept = next((key for key in live if _serves(key, actual, desired)), None)
    steps: list[Step] = [RevokeKey(key.id) for key in live if key is not kept]
    if desired.state == "present" and kept is None:
        steps.append(_create(desired))
    if desired.state == "absent" and actual.dest_key_id is not None:
        steps.append(RemoveFile(desired.dest))
    before = _shown_now(actual, desired, live)
    after = _shown_then(desired, kept) if desired.state == "present" else {}
    return Plan(before, after, tuple(steps))


def _serves(key: ActualKey, actual: ActualKeys, desired: ProvisioningKey) -> bool:
    """Whether ``dest`` holds this key's string, and the key is the one that is wanted."""
    return (
        desired.state == "present"
        and key.id == actual.dest_key_id
        and (key.max_devices, key.fleet, key.device_uuid)
        == (desired.max_devices, desired.fleet, desired.device_uuid)
        and encode(desired.expires_at) in (None, encode(key.expires_at))  # as the wire writes it
    )


def _create(desired: ProvisioningKey) -> CreateKey:
    return CreateKey(
        name=desired.name,
        dest=desired.dest,
        max_devices=desired.max_devices,
        expires_at=desired.expires_at,
        fleet=desired.fleet,
        device_uuid=desired.device_uuid,
    )


def _shown(key: ActualKey | ProvisioningKey) -> dict[str, object]:
    return {
        "name": key.name,
        "max_devices": key.max_devices,
        "expires_at": encode(key.expires_at),
        "fleet": key.fleet,
        "device_uuid": key.device_uuid,
    }


def _shown_now(
    actual: ActualKeys, desired: ProvisioningKey, live: list[ActualKey]
) -> dict[str, object]:
    held = actual.dest_key_id is not None
    if not live and not held:
        return {}
    keys = [_shown(key) | {"id": key.id} for key in live]
    return {"keys": keys, "dest": {"path": desired.dest, "key": actual.dest_key_id}}


def _shown_then(desired: ProvisioningKey, kept: ActualKey | None) -> dict[str, object]:
    key_id = kept.id if kept is not None else "(a new one)"
    key = _shown(kept if kept is not None else desired)
    return {"keys": [key | {"id": key_id}], "dest": {"path": desired.dest, "key": key_id}}
