"""Device API keys: which of a key's secrets was shown, and how one follows another."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = ["DeviceKey", "Rotation", "Shown", "rotation", "shown", "split_key"]

OVERLAP = timedelta(hours=1)
_FORM = re.compile(r"dk1\.([A-Za-z0-9_-]{1,40})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey:
    """A device API key with its registration, as it is stored.

    `newest`: no later registration of this device exists; `confirmed`: it was used before.
    """

    id: str
    device_uuid: str
    registration: str
    current_hash: bytes
    pending_hash: bytes | None
    previous_hash: bytes | None
    previous_until: datetime | None
    spent_hashes: list[bytes]
    public_key: bytes
    sealing_key: bytes
    confirmed: bool
    newest: bool


class Shown(StrEnum):
    """Which secret of a key was shown."""

    CURRENT = "current"
    PENDING = "pending"
    PREVIOUS = "previous"


class Rotation(StrEnum):
    """What a request for a new secret does."""

    PENDING = "pending"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


def split_key(text: str) -> tuple[str, str] | None:
    """Return (id, secret) of a `dk1` key, None for any other text."""
    found = _FORM.fullmatch(text)
    return None if found is None else (found[1], found[2])


def shown(key: DeviceKey, secret_hash: bytes, now: datetime) -> Shown | None:
    """Return which live secret has this hash, None when none has."""
    if hmac.compare_digest(key.current_hash, secret_hash):
        return Shown.CURRENT
    if key.pending_hash is not None and hmac.compare_digest(key.pending_hash, secret_hash):
        return Shown.PENDING
    previous_lives = key.previous_until is not None and now < key.previous_until
    if previous_lives and hmac.compare_digest(key.previous_hash or b"", secret_hash):
        return Shown.PREVIOUS
    return None


def rotation(key: DeviceKey, new_hash: bytes) -> Rotation:
    """Decide a signed request: pending and current repeat, what was ever replaced is refused."""
    if new_hash in {key.pending_hash, key.current_hash}:
        return Rotation.UNCHANGED
    if new_hash == key.previous_hash or new_hash in key.spent_hashes:
        return Rotation.REFUSED
    return Rotation.PENDING
