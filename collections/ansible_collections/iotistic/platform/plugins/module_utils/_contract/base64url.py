# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Base64url without padding (RFC 4648 section 5), one spelling for each value."""

import base64
import re

from .errors import ContractError

__all__ = ["b64u_decode", "b64u_encode"]

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def b64u_encode(value: bytes) -> str:
    """Return ``value`` in base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def b64u_decode(text: str, length: int | None = None) -> bytes:
    """Return the bytes that ``text`` spells, exactly ``length`` of them when it is given.

    Other alphabets, padding, white space and non-zero trailing bits raise ``ContractError``:
    otherwise a used challenge could come back in another spelling.
    """
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        raise ContractError("", "not base64url without padding")
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u_encode(value) != text:
        raise ContractError("", "base64url with trailing bits that are not zero")
    if length is not None and len(value) != length:
        raise ContractError("", f"{len(value)} bytes instead of {length}")
    return value
