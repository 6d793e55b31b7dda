"""The public keys that a tenant verifies billing's tokens with, and how the set is replaced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from iotistic_contract.codec import b64u_decode, b64u_encode, canonical
from iotistic_contract.errors import ContractFault
from iotistic_contract.license import ISSUER

from .errors import KeyRefused, TokenRefused
from .jws import Signed, Unverified, algorithm, protected_header, sign_part
from .keys import PrivateKey, PublicKey, checked_public, jwk, public_from_pem, thumbprint

__all__ = [
    "KEY_SET_TYPE",
    "KeySet",
    "Purpose",
    "VerificationKey",
    "jwks",
    "seed_keys",
    "signed_jwks",
    "verify_signed_jwks",
]

KEY_SET_TYPE = "license-keys+jwt"
_ALGORITHM = {"license": "RS256", "service": "EdDSA"}
_MOST_SIGNATURES = 8


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
        if algorithm(self.key) != _ALGORITHM[self.purpose]:
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
            "alg": _ALGORITHM[self.purpose],
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
        if member.get("kid") != found.kid or member.get("alg") != _ALGORITHM[found.purpose]:
            raise TokenRefused("keys", "kid or alg of a key doesn't fit the key")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The keys held, with the number of the signed set they came in (0: seeded)."""

    keys: tuple[VerificationKey, ...]
    seq: int = 0

    def find(self, kid: str, purpose: Purpose) -> VerificationKey:
        """Return the key `kid` for that purpose; TokenRefused `kid` when it isn't held."""
        for key in self.keys:
            if key.kid == kid and key.purpose is purpose:
                return key
        raise TokenRefused("kid", f"no {purpose} key {kid!r:.60} is held")

    def to_mapping(self) -> dict[str, Any]:
        """Return JSON to keep on disk."""
        return {"keys": [key.to_jwk() for key in self.keys], "seq": self.seq}

    @classmethod
    def from_mapping(cls, stored: Mapping[str, Any]) -> "KeySet":
        """Read what `to_mapping` wrote, or the claims of a signed set; else TokenRefused `keys`."""
        seq, members = stored.get("seq"), stored.get("keys")
        if type(seq) is not int or seq < 0 or not isinstance(members, list) or not members:
            raise TokenRefused("keys", "a set of keys has keys and seq")
        if not all(isinstance(member, Mapping) for member in members):
            raise TokenRefused("keys", "a key of the set is no object")
        return cls(keys=tuple(map(VerificationKey.from_jwk, members)), seq=seq)


def seed_keys(license_pem: bytes | str, service_pem: bytes | str | None = None) -> KeySet:
    """Return the set that a deployment seeds: LICENSE_PUBLIC_KEY and SERVICE_PUBLIC_KEY in PEM."""
    keys = [VerificationKey(purpose=Purpose.LICENSE, key=public_from_pem(license_pem))]
    if service_pem is not None:
        keys.append(VerificationKey(purpose=Purpose.SERVICE, key=public_from_pem(service_pem)))
    return KeySet(keys=tuple(keys))


def jwks(keys: Iterable[VerificationKey]) -> dict[str, Any]:
    """Return the plain set for `/.well-known/jwks.json`."""
    return {"keys": [key.to_jwk() for key in keys]}


def signed_jwks(keys: KeySet, signers: Sequence[PrivateKey], iat: int) -> dict[str, Any]:
    """Return the set as a general-JSON JWS with one signature by each license key of `signers`."""
    claims = {"iat": iat, "iss": ISSUER, **keys.to_mapping()}
    payload = b64u_encode(canonical(claims))
    signatures = [sign_part(KEY_SET_TYPE, payload, signer) for signer in signers]
    return {
        "payload": payload,
        "signatures": [
            {"protected": signed.protected, "signature": signed.signature} for signed in signatures
        ],
    }


def verify_signed_jwks(held: KeySet, document: object) -> KeySet:
    """Return the set in `document`, which a license key in `held` must have signed.

    The same `seq` returns `held`; a lower one is TokenRefused `stale`, an unknown or wrong
    signature `signature`.
    """
    payload, signatures = _general(document)
    for signed in signatures:
        claims = _claims_by(held, payload, signed)
        if claims is not None:
            break
    else:
        raise TokenRefused("signature", "no license key that is held has signed this set")
    if claims.get("iss") != ISSUER:
        raise TokenRefused("iss", f"the set isn't from {ISSUER}")
    offered = KeySet.from_mapping(claims)
    if offered.seq < held.seq:
        raise TokenRefused("stale", f"set {offered.seq} is older than set {held.seq}")
    return held if offered.seq == held.seq else offered


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


def _general(document: object) -> tuple[str, list[Signed]]:
    refused = TokenRefused("malformed", "not a general-JSON JWS")
    if not isinstance(document, Mapping) or not isinstance(document.get("payload"), str):
        raise refused
    listed = document.get("signatures")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_SIGNATURES:
        raise refused
    signatures = []
    for one in listed:
        if not isinstance(one, Mapping) or one.keys() != {"protected", "signature"}:
            raise refused
        if not all(isinstance(text, str) for text in one.values()):
            raise refused
        signatures.append(Signed(protected=one["protected"], signature=one["signature"]))
    return document["payload"], signatures


def _claims_by(held: KeySet, payload: str, signed: Signed) -> dict[str, Any] | None:
    """Return the claims when `signed` is right and by a license key that is held, else None."""
    try:
        header = protected_header(signed.protected, KEY_SET_TYPE, _ALGORITHM[Purpose.LICENSE])
        token = Unverified(header=header, payload=payload, signed=signed)
        return token.verify(held.find(token.kid, Purpose.LICENSE).key)
    except TokenRefused:
        return None
