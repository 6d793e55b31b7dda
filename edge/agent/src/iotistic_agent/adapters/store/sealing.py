"""Secrets at rest: encrypted with a key in a file of its own."""

import os
from pathlib import Path

from iotistic_contract.codec import b64u_decode, b64u_encode
from iotistic_contract.errors import ContractError
from iotistic_pki.data_key import DataKey
from iotistic_pki.errors import PkiFault
from iotistic_pki.files import write_atomic

__all__ = ["Sealer"]

_SEALED = "sealed:"
_KEY_BYTES = 32


class Sealer:
    """Seals texts with the key in ``path`` (0600), which is made where it is missing or broken.

    What another key has sealed doesn't open any more: the device registers anew.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        key = path.read_bytes() if path.exists() else b""
        if len(key) != _KEY_BYTES:
            key = os.urandom(_KEY_BYTES)
            write_atomic(path, key, 0o600)
        self._key = DataKey(key)

    def seal(self, text: str, context: str) -> str:
        """Return ``text`` sealed: it opens under the same ``context`` only (AES-256-GCM)."""
        return _SEALED + b64u_encode(self._key.encrypt(text.encode(), context.encode()))

    def is_sealed(self, stored: str) -> bool:
        """Tell whether it is a sealed text."""
        return stored.startswith(_SEALED)

    def open(self, stored: str, context: str) -> str | None:
        """Return what was sealed, None when it doesn't open; a text that isn't sealed is itself."""
        if not self.is_sealed(stored):
            return stored
        try:
            sealed = b64u_decode(stored.removeprefix(_SEALED))
            return self._key.decrypt(sealed, context.encode()).decode()
        except (ContractError, PkiFault, UnicodeDecodeError):
            return None
