"""One-time codes by time (RFC 6238: SHA-1, six digits, 30 seconds) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_pki.data_key import DataKey

__all__ = ["RECOVERY_CODES", "SecondFactor", "matching_step", "recovery_hash"]

STEP = 30
DRIFT = 1  # steps before and after now that are taken too (RFC 6238, 5.2)
RECOVERY_CODES = 8
_DIGITS = re.compile(r"[0-9]{6}")


class SecondFactor:
    """Secrets at rest under the tenant's data key, each for one user."""

    def __init__(self, key: DataKey, issuer: str) -> None:
        self._key = key
        self._issuer = issuer

    def new_secret(self) -> bytes:
        """Return 160 random bits (RFC 4226, 4 R6)."""
        return secrets.token_bytes(20)

    def sealed(self, user_id: str, secret: bytes) -> bytes:
        """Return what is stored."""
        return self._key.encrypt(secret, _place(user_id))

    def step(self, user_id: str, sealed: bytes, code: str, now: datetime) -> int | None:
        """Return the time step whose code this is, None for a wrong one."""
        return matching_step(self._key.decrypt(sealed, _place(user_id)), code, now)

    def shown(self, email: str, secret: bytes) -> tuple[str, str]:
        """Return the secret in base32, and the URI for an authenticator's QR code."""
        text = base64.b32encode(secret).decode("ascii")
        label = f"{quote(self._issuer)}:{quote(email)}"
        return text, f"otpauth://totp/{label}?secret={text}&issuer={quote(self._issuer)}"

    def new_recovery_codes(self) -> list[str]:
        """Return codes of 80 random bits, each good once."""
        return [_grouped(secrets.token_bytes(10)) for _ in range(RECOVERY_CODES)]


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the latest step around `now` whose code is `code`; every step is compared."""
    if not _DIGITS.fullmatch(code):
        return None
    generator = TOTP(secret, 6, SHA1(), STEP, enforce_key_length=False)  # noqa: S303 - RFC 6238
    current, found = int(now.timestamp()) // STEP, None
    for step in range(max(0, current - DRIFT), current + DRIFT + 1):
        if hmac.compare_digest(generator.generate(step * STEP), code.encode("ascii")):
            found = step
    return found


def recovery_hash(code: str) -> bytes:
    """Return what is stored of a recovery code, however it is grouped and cased."""
    plain = code.replace("-", "").replace(" ", "").upper()
    return hashlib.sha256(plain.encode()).digest()


def _grouped(random: bytes) -> str:
    text = base64.b32encode(random).decode("ascii")
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _place(user_id: str) -> bytes:
    return f"totp {user_id}".encode()
