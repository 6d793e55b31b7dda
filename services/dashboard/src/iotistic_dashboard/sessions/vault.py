"""The key file: what is stored is encrypted with it, and a form's token comes out of it."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iotistic_kit.errors import StopError

__all__ = ["SealError", "Vault", "key_file"]

_BYTES, _NONCE = 32, 12


class SealError(Exception):
    """What was stored was made with another key, or isn't what it was stored as."""


class Vault:
    """Seals JSON for one purpose and one session, and makes the CSRF token of a session."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(_derived(key, b"seal"))
        self._csrf_key = _derived(key, b"csrf")

    def seal(self, document: Any, *purpose: bytes) -> bytes:
        """Return ``document`` encrypted; only the same ``purpose`` opens it."""
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps(document, separators=(",", ":")).encode()
        return nonce + self._aead.encrypt(nonce, text, b"\0".join(purpose))

    def open(self, sealed: bytes, *purpose: bytes) -> Any:
        """Return what was sealed for ``purpose``; SealError for anything else."""
        try:
            text = self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"\0".join(purpose))
        except (InvalidTag, ValueError) as exc:
            raise SealError from exc
        return json.loads(text)

    def csrf(self, cookie: bytes) -> str:
        """Return the token that forms of this cookie's session carry."""
        digest = hmac.digest(self._csrf_key, cookie, "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def key_file(path: Path) -> bytes:
    """Return the key in ``path``, made with mode 0600 when the file is missing."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise StopError(
            f"{path} isn't a key of {_BYTES} bytes; remove it, and everyone signs in anew"
        )
    return key


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(key, person=b"iotistic-dash", salt=purpose, digest_size=32).digest()
