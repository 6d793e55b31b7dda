"""Who may register with which provisioning key."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Admission", "DeviceOnFile", "ProvisioningKey", "admit", "check_plan", "secret_matches"]

_NOBODY = hashlib.sha256(b"no such key").digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningKey:
    """A provisioning key as it is stored: the secret only as its SHA-256."""

    id: str
    secret_hash: bytes
    max_devices: int
    used: int = 0
    fleet: str | None = None
    device_uuid: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOnFile:
    """What is known of a uuid: `public_key` is the DER of its key on record."""

    uuid: str
    fleet: str | None = None
    public_key: bytes | None = None
    registered_at: datetime | None = None
    reregister_until: datetime | None = None
    deleted_at: datetime | None = None
    keys_revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A registration that may go ahead.

    `takes_place`: a place of the provisioning key is taken (once for a uuid and public key);
    `counts`: the device is one more of the plan's devices; `fleet` is the device's from now on.
    """

    takes_place: bool
    counts: bool
    fleet: str | None


def secret_matches(key: ProvisioningKey | None, secret: str) -> bool:
    """Compare in constant time; an unknown key costs as much as a known one."""
    held = _NOBODY if key is None else key.secret_hash
    same = hmac.compare_digest(held, hashlib.sha256(secret.encode("ascii")).digest())
    return same and key is not None


def admit(
    uuid: str,
    public_key: bytes,
    *,
    device: DeviceOnFile | None,
    key: ProvisioningKey,
    now: datetime,
) -> Admission:
    """Decide a registration whose signature and provisioning secret were right."""
    if key.revoked_at is not None:
        raise _invalid_key()
    if key.device_uuid not in {None, uuid}:
        raise Refused(403, "key_bound", "this provisioning key is bound to another device")
    if device is not None and device.deleted_at is not None:
        raise Refused(403, "device_revoked", "this device was removed by its owner")
    if device is not None and device.keys_revoked_at is not None and not _is_open(device, now):
        raise Refused(403, "device_revoked", "this device's keys were revoked by its owner")
    if device is not None and device.public_key == public_key:
        return Admission(takes_place=False, counts=False, fleet=device.fleet)
    if key.expires_at is not None and key.expires_at <= now:
        raise _invalid_key()
    if device is None:
        return Admission(takes_place=True, counts=True, fleet=key.fleet)
    return _admit_new_key(device, key, now)


def _admit_new_key(device: DeviceOnFile, key: ProvisioningKey, now: datetime) -> Admission:
    if device.public_key is not None and not _is_open(device, now):
        raise Refused(
            409,
            "already_registered",
            "this device is registered under another key; its owner can allow it to register anew",
        )
    if device.fleet != key.fleet:
        raise Refused(409, "other_fleet", "this provisioning key is of another fleet")
    return Admission(takes_place=True, counts=device.registered_at is None, fleet=device.fleet)


def check_plan(limit: int | None, used: int) -> None:
    """Refuse one device more than the plan includes; `limit` None means any number."""
    if limit is not None and used >= limit:
        raise Refused(
            403,
            "limit_reached",
            "the plan's devices are used up",
            limit=limit,
            used=used,
            of="plan",
        )


def _is_open(device: DeviceOnFile, now: datetime) -> bool:
    return device.reregister_until is not None and now < device.reregister_until


def _invalid_key() -> Refused:
    return Refused(401, "invalid_provisioning_key", "the provisioning key is not valid")
