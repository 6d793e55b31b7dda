# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What makes a tenant's record of one device what an inventory wants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from ..codec import encode
from ..errors import ContractError
from ..ids import check_uuid
from .plan import Plan

__all__ = [
    "ActualDevice",
    "CreateDevice",
    "DeleteDevice",
    "Device",
    "DeviceState",
    "UpdateDevice",
    "plan",
]

DeviceState = Literal["present", "absent"]
_RANDOM = re.compile(r".{14}4.{4}[89ab].*")

# Attribute -> name on the wire.
_MEMBERS = {
    "name": "name",
    "device_type": "deviceType",
    "fleet": "fleet",
    "tags": "tags",
    "reregister_until": "reregisterUntil",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What the inventory says of one device; None means that the tenant's value stands.

    ``reregister_until`` opens the device's uuid for a new key until then, at most 24 hours ahead.
    The first registration closes it, and a plan with the same time opens it anew: it is for one
    run, not for an inventory.
    """

    uuid: str
    name: str | None = None
    device_type: str | None = None
    fleet: str | None = None
    tags: Mapping[str, str] | None = None
    reregister_until: datetime | None = None
    state: DeviceState = "present"

    def __post_init__(self) -> None:
        try:
            check_uuid(self.uuid)
        except ContractError as exc:
            raise exc.under("uuid") from None
        if not _RANDOM.fullmatch(self.uuid):
            raise ContractError("uuid", "not a random (version 4) uuid")
        if self.state not in get_args(DeviceState):
            raise ContractError("state", f"present or absent, not {self.state!r}")
        if self.name is not None and not 1 <= len(self.name.strip()) <= 64:
            raise ContractError("name", "1 to 64 characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualDevice:
    """The tenant's record; ``registered`` once a key stands on record for the uuid."""

    uuid: str
    name: str
    device_type: str | None = None
    fleet: str | None = None
    tags: Mapping[str, str] | None = None
    reregister_until: datetime | None = None
    registered: bool = False


@dataclass(frozen=True, slots=True)
class CreateDevice:
    """Describe a device; ``body`` in the names of the wire."""

    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UpdateDevice:
    """Change those members of the record, in the names of the wire."""

    uuid: str
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DeleteDevice:
    """Delete the record; the device's keys and certificates die with it."""

    uuid: str


Step = CreateDevice | UpdateDevice | DeleteDevice


def plan(actual: ActualDevice | None, desired: Device) -> Plan:
    """Create, change or delete the record, in one step or none."""
    before = {} if actual is None else {"uuid": actual.uuid} | _shown(actual)
    if desired.state == "absent":
        return Plan(before, {}, () if actual is None else (DeleteDevice(actual.uuid),))
    wanted = _wanted(desired)
    if actual is None:
        body = {"uuid": desired.uuid, "name": desired.uuid} | wanted
        return Plan(before, body, (CreateDevice(body),))
    found = _shown(actual)
    changes = {name: value for name, value in wanted.items() if found.get(name) != value}
    steps = (UpdateDevice(actual.uuid, changes),) if changes else ()
    return Plan(before, before | changes, steps)


def _wanted(desired: Device) -> dict[str, object]:
    values = {wire: getattr(desired, name) for name, wire in _MEMBERS.items()}
    return {wire: encode(value) for wire, value in values.items() if value is not None}


def _shown(actual: ActualDevice) -> dict[str, object]:
    values = {wire: encode(getattr(actual, name)) for name, wire in _MEMBERS.items()}
    return values | {"tags": dict(actual.tags or {})}
