# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Billing's signing keys in their folder: between the planner and the PKI's store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ._contract.planning.keypair import ActualKeys, GenerateKeys, Keypairs, RotateKeys

try:
    from ._pki.key_sets import Purpose
    from ._pki.keys import public_pem
    from ._pki.license_keys import KeyStore
except ImportError:  # modules tell it, by _requirements.require_cryptography
    KeyStore = None

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Keys", "desired_from"]


def desired_from(params: dict[str, Any]) -> Keypairs:
    """Return the keys that a task asks for."""
    return Keypairs(
        kinds=tuple(params["kinds"]),
        rotate_after_days=params["rotate_after_days"],
    )


class Keys:
    """Reads the store's state and does a plan's steps."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self._store = KeyStore(folder)
        self._now = now or datetime.now(UTC)

    def read(self) -> ActualKeys:
        """Return when the current key of each kind was made."""
        slots = {purpose.value: self._store.slots(purpose) for purpose in Purpose}
        return ActualKeys(
            now=self._now,
            made_at={
                kind: datetime.fromisoformat(held.created_at)
                for kind, held in slots.items()
                if held is not None
            },
        )

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case GenerateKeys(kind=kind):
                self._store.generate(Purpose(kind), self._now)
            case RotateKeys(kind=kind):
                self._store.rotate(Purpose(kind), self._now)

    def facts(self) -> dict[str, dict[str, str]]:
        """Return kid and public key of the current key of each kind."""
        listed = {key.kid: key.key for key in self._store.key_set().keys}
        slots = {purpose.value: self._store.slots(purpose) for purpose in Purpose}
        return {
            kind: {
                "kid": held.current,
                "next_kid": held.next,
                "public_key": public_pem(listed[held.current]).decode(),
            }
            for kind, held in slots.items()
            if held is not None
        }
