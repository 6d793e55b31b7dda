# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The public keys that a tenant verifies billing's tokens with, and how the set is replaced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_encode, canonical
from ansible_collections.iotistic.platform.plugins.module_utils._contract.license import ISSUER

from .errors import TokenRefused
from .jws import Signed, Unverified, protected_header, sign_part
from .keys import PrivateKey, public_from_pem
from .verification_keys import ALGORITHM, Purpose, VerificationKey

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
_MOST_SIGNATURES = 8


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
        header = protected_header(signed.protected, KEY_SET_TYPE, ALGORITHM[Purpose.LICENSE])
        token = Unverified(header=header, payload=payload, signed=signed)
        return token.verify(held.find(token.kid, Purpose.LICENSE).key)
    except TokenRefused:
        return None
