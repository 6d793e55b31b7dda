# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""JSON Web Signatures (RFC 7515) in the narrow form that Iotistic signs: RS256 and EdDSA.

The verifier fixes algorithm and type before it looks at a key; a key never verifies another
algorithm. No key ever comes from the token itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_decode, b64u_encode, canonical, parse_json
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault

from .errors import KeyRefused, TokenRefused
from .keys import PrivateKey, PublicKey, thumbprint

__all__ = [
    "MOST_BYTES",
    "Signed",
    "Unverified",
    "parse_compact",
    "protected_header",
    "sign_compact",
    "sign_part",
]

MOST_BYTES = 16 * 1024
_KEY_IN_TOKEN = ("jwk", "jku", "x5u", "x5c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signature of a token: its header's text and the signature, both base64url."""

    protected: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """A token taken apart; nothing in it may be believed before `verify`."""

    header: Mapping[str, Any]
    payload: str
    signed: Signed

    @property
    def kid(self) -> str:
        """The key that the token says it is signed by; TokenRefused when it names none."""
        kid = self.header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise TokenRefused("kid", "the token names no key")
        return kid

    def verify(self, key: PublicKey) -> dict[str, Any]:
        """Return the claims; TokenRefused `signature` or `malformed`."""
        signature = _octets(self.signed.signature)
        _check_signature(key, signature, _signing_input(self.signed.protected, self.payload))
        return _object(_octets(self.payload), "payload")


def sign_compact(typ: str, claims: Mapping[str, Any], key: PrivateKey) -> str:
    """Return the compact token over canonical claims; `kid` is the key's thumbprint."""
    payload = b64u_encode(canonical(claims))
    signed = sign_part(typ, payload, key)
    return f"{signed.protected}.{payload}.{signed.signature}"


def sign_part(typ: str, payload: str, key: PrivateKey) -> Signed:
    """Return one signature of general JSON over `payload` (base64url)."""
    header = {"alg": algorithm(key.public_key()), "kid": thumbprint(key), "typ": typ}
    protected = b64u_encode(canonical(header))
    signing_input = _signing_input(protected, payload)
    if isinstance(key, RSAPrivateKey):
        signature = key.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, Ed25519PrivateKey):
        signature = key.sign(signing_input)
    else:
        raise KeyRefused("key_type", "tokens are signed with RSA or Ed25519")
    return Signed(protected=protected, signature=b64u_encode(signature))


def parse_compact(token: str, typ: str, alg: str, most_bytes: int = MOST_BYTES) -> Unverified:
    """Take the token apart; TokenRefused unless size, shape, `typ`, `alg` and header are right."""
    if len(token) > most_bytes:
        raise TokenRefused("too_large", f"a token of more than {most_bytes} bytes")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("malformed", "not a compact token of three parts")
    protected, payload, signature = parts
    header = protected_header(protected, typ, alg)
    signed = Signed(protected=protected, signature=signature)
    return Unverified(header=header, payload=payload, signed=signed)


def protected_header(protected: str, typ: str, alg: str) -> dict[str, Any]:
    """Return the header that `protected` spells, when it may stand there; else TokenRefused."""
    header = _object(_octets(protected), "header")
    if header.get("alg") != alg:
        raise TokenRefused("alg", f"the algorithm must be {alg}")
    if header.get("typ") != typ:
        raise TokenRefused("typ", f"the type must be {typ}")
    if "crit" in header or "b64" in header:
        raise TokenRefused("crit", "the header asks for an unknown extension")
    found = [name for name in _KEY_IN_TOKEN if name in header]
    if found:
        raise TokenRefused("embedded_key", f"the header brings its own key ({found[0]})")
    return header


def algorithm(key: PublicKey) -> str:
    """Return the one algorithm of `key`: RS256 or EdDSA; KeyRefused for other kinds."""
    if isinstance(key, RSAPublicKey):
        return "RS256"
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    raise KeyRefused("key_type", "tokens are signed with RSA or Ed25519")


def _check_signature(key: PublicKey, signature: bytes, signing_input: bytes) -> None:
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, signing_input, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, signing_input)
        else:
            raise KeyRefused("key_type", "tokens are signed with RSA or Ed25519")
    except InvalidSignature:
        raise TokenRefused("signature", "the signature is wrong") from None


def _signing_input(protected: str, payload: str) -> bytes:
    return f"{protected}.{payload}".encode("ascii", "replace")


def _octets(text: str) -> bytes:
    try:
        return b64u_decode(text)
    except (ContractFault, ValueError):
        raise TokenRefused("malformed", "a part isn't base64url without padding") from None


def _object(octets: bytes, part: str) -> dict[str, Any]:
    try:
        value = parse_json(octets)
    except ContractFault:
        raise TokenRefused("malformed", f"the {part} isn't JSON") from None
    if not isinstance(value, dict):
        raise TokenRefused("malformed", f"the {part} isn't an object")
    return value
