# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Public keys of billing: bound to one purpose, and so to one algorithm; as JWKs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_decode
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault

from .errors import KeyRefused, TokenRefused
from .jws import algorithm
from .keys import PublicKey, checked_public, jwk, thumbprint

__all__ = ["ALGORITHM", "Purpose", "VerificationKey", "public_from_jwk"]

ALGORITHM = {"license": "RS256", "service": "EdDSA"}


class Purpose(StrEnum):
    """What a key of billing signs, the JWK's member `for`; neither verifies the other's tokens."""

    LICENSE = "license"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True)
class VerificationKey:
    """A public key bound to its purpose, and so to its algorithm; KeyRefused when they disagree."""

    purpose: Purpose
    key: PublicKey

    def __post_init__(self) -> None:
        if algorithm(self.key) != ALGORITHM[self.purpose]:
            wanted = "RSA" if self.purpose is Purpose.LICENSE else "Ed25519"
            raise KeyRefused("key_type", f"a key for {self.purpose} tokens is {wanted}")

    def __hash__(self) -> int:
        return hash((self.purpose, self.kid))

    @cached_property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return thumbprint(self.key)

    def to_jwk(self) -> dict[str, str]:
        """Return the JWK as it stands in the set."""
        return {
            **jwk(self.key),
            "alg": ALGORITHM[self.purpose],
            "for": self.purpose.value,
            "kid": self.kid,
            "use": "sig",
        }

    @classmethod
    def from_jwk(cls, member: Mapping[str, Any]) -> "VerificationKey":
        """Read one JWK; TokenRefused `keys` unless key, `alg`, `kid` and `for` agree."""
        try:
            found = cls(purpose=Purpose(str(member.get("for"))), key=public_from_jwk(member))
        except (KeyRefused, ValueError):
            raise TokenRefused("keys", "a key of the set can't be used") from None
        if member.get("kid") != found.kid or member.get("alg") != ALGORITHM[found.purpose]:
            raise TokenRefused("keys", "kid or alg of a key doesn't fit the key")
        return found


def public_from_jwk(member: Mapping[str, Any]) -> PublicKey:
    """Return the RSA or Ed25519 key of a JWK; KeyRefused otherwise, also with private members."""
    if {"d", "p", "q", "k"} & member.keys():
        raise KeyRefused("key", "a private key where a public one belongs")
    try:
        if member.get("kty") == "RSA":
            e, n = (int.from_bytes(b64u_decode(member[name]), "big") for name in "en")
            return checked_public(RSAPublicNumbers(e, n).public_key())
        if member.get("kty") == "OKP" and member.get("crv") == "Ed25519":
            return Ed25519PublicKey.from_public_bytes(b64u_decode(member["x"], 32))
    except (KeyError, TypeError, ValueError, ContractFault):
        raise KeyRefused("key", "not a readable JWK") from None
    raise KeyRefused("key_type", "a JWK must be RSA or Ed25519")
