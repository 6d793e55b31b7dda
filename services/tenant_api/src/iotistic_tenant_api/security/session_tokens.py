"""What a person's session is shown by: `at1.<session>.<secret>` and `rt1.<session>.<secret>`."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iotistic_contract.codec import b64u_encode

if TYPE_CHECKING:
    from iotistic_pki.data_key import DataKey

__all__ = ["ACCESS", "REFRESH", "SessionToken", "digest_of", "fresh", "new_secret", "successors"]

ACCESS, REFRESH = "at1", "rt1"
_FORM = re.compile(
    r"(at1|rt1)\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionToken:
    """One token; `str()` is what is shown, `digest` what is stored."""

    prefix: str
    session_id: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.prefix}.{self.session_id}.{self.secret}"

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the secret's ASCII text."""
        return digest_of(self.secret)

    @classmethod
    def parse(cls, text: str, prefix: str) -> SessionToken | None:
        """Return the token that `text` is, None when it has another form."""
        found = _FORM.fullmatch(text)
        if found is None or found[1] != prefix:
            return None
        return cls(prefix=prefix, session_id=found[2], secret=found[3])


def new_secret() -> str:
    """Return 256 random bits as text."""
    return b64u_encode(secrets.token_bytes(32))


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret that has 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def fresh(session_id: str) -> tuple[SessionToken, SessionToken]:
    """Return the first access and refresh token of a session."""
    return _pair(session_id, new_secret(), new_secret())


def successors(key: DataKey, used: SessionToken) -> tuple[SessionToken, SessionToken]:
    """Return the access and refresh token that follow the refresh token `used`.

    They are derived under the tenant's data key: whoever asks twice with one token, for the first
    answer was lost, gets the same ones, and nothing but hashes is stored.
    """
    context = used.session_id.encode()
    access = key.digest(used.secret.encode(), b"session access " + context)
    refresh = key.digest(used.secret.encode(), b"session refresh " + context)
    return _pair(used.session_id, b64u_encode(access), b64u_encode(refresh))


def _pair(session_id: str, access: str, refresh: str) -> tuple[SessionToken, SessionToken]:
    return (
        SessionToken(prefix=ACCESS, session_id=session_id, secret=access),
        SessionToken(prefix=REFRESH, session_id=session_id, secret=refresh),
    )
