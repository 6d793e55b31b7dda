# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The tenant's data key: secrets at rest, and the HMAC that they are compared by."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import KeyRefused, SealBroken

__all__ = ["DataKey"]


class DataKey:
    """Two keys derived from the 32 bytes of DATA_KEY_FILE; never shown."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise KeyRefused("key", "a data key is 32 bytes")
        self._at_rest = AESGCM(hmac.digest(secret, b"iotistic-data-at-rest-v1", hashlib.sha256))
        self._compared = hmac.digest(secret, b"iotistic-data-hmac-v1", hashlib.sha256)

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext, to be opened under the same `context` only."""
        nonce = os.urandom(12)
        return nonce + self._at_rest.encrypt(nonce, plain, context)

    def decrypt(self, stored: bytes, context: bytes) -> bytes:
        """Return what was encrypted; SealBroken for another key, context or text."""
        try:
            return self._at_rest.decrypt(stored[:12], stored[12:], context)
        except (InvalidTag, ValueError):
            raise SealBroken("stored", "a stored secret doesn't open with this data key") from None

    def digest(self, plain: bytes, context: bytes) -> bytes:
        """Return the 32 bytes that stand for the secret in ETag, diff and drift hash."""
        framed = len(context).to_bytes(4, "big") + context + plain
        return hmac.digest(self._compared, framed, hashlib.sha256)
