"""Names of the keys that devices open their secrets with."""

from __future__ import annotations

import hashlib

from iotistic_contract.codec import b64u_encode, canonical

__all__ = ["sealing_thumbprint"]


def sealing_thumbprint(sealing_key: bytes) -> str:
    """Return the RFC 7638 thumbprint of a raw X25519 public key (RFC 8037)."""
    jwk = {"crv": "X25519", "kty": "OKP", "x": b64u_encode(sealing_key)}
    return b64u_encode(hashlib.sha256(canonical(jwk)).digest())
