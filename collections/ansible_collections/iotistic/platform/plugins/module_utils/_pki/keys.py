# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Keys: made, stored 0600, read, named by thumbprint and pin."""

import hashlib
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_encode, canonical

from .errors import KeyRefused
from .files import write_atomic

__all__ = [
    "KeyKind",
    "PrivateKey",
    "PublicKey",
    "checked_public",
    "jwk",
    "load_private",
    "new_key",
    "private_pem",
    "public_der",
    "public_from_der",
    "public_from_pem",
    "public_pem",
    "read_private",
    "spki_sha256",
    "thumbprint",
    "write_private",
]

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 8192


class KeyKind(StrEnum):
    """The kinds of key that are made here."""

    ED25519 = "ed25519"
    P256 = "p256"
    RSA_2048 = "rsa2048"
    RSA_3072 = "rsa3072"


def new_key(kind: KeyKind | str) -> PrivateKey:
    """Return a fresh private key; KeyRefused for a kind that isn't one of KeyKind."""
    match kind:
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.RSA_2048 | KeyKind.RSA_3072:
            return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:]))
        case _:
            raise KeyRefused("key_type", f"no such kind of key: {kind!r}")


def private_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """PKCS#8 in PEM, encrypted when there is a passphrase."""
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def write_private(path: Path, key: PrivateKey, passphrase: bytes | None = None) -> None:
    """Store the key 0600 in one step."""
    write_atomic(path, private_pem(key, passphrase), 0o600)


def load_private(pem: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """Return the private key in `pem`; KeyRefused (which never repeats the text) otherwise."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("key", "not a readable private key, or a wrong passphrase") from None
    if not isinstance(key, PrivateKey):
        raise KeyRefused("key_type", "a kind of private key that isn't used here")
    return key


def read_private(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    """Return the private key in the file `path`; KeyRefused names the file."""
    try:
        return load_private(path.read_bytes(), passphrase)
    except OSError as error:
        raise KeyRefused("key", f"can't read the key {path}: {error.strerror}") from None
    except KeyRefused as error:
        raise KeyRefused(error.reason, f"{path}: {error.detail}") from None


def checked_public(key: object) -> PublicKey:
    """`key` when it is Ed25519, P-256 or RSA of 2048 to 8192 bits, else KeyRefused `key_type`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        return key
    raise KeyRefused("key_type", "the key must be Ed25519, P-256 or RSA of 2048 to 8192 bits")


def public_from_pem(pem: bytes | str) -> PublicKey:
    """Return the public key (SubjectPublicKeyInfo) in `pem`; KeyRefused unless it is taken."""
    try:
        return checked_public(
            load_pem_public_key(pem.encode("ascii") if isinstance(pem, str) else pem)
        )
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("key", "not a readable public key in PEM") from None


def public_from_der(der: bytes) -> PublicKey:
    """Return the public key (SubjectPublicKeyInfo) in `der`; KeyRefused unless it is taken."""
    try:
        return checked_public(load_der_public_key(der))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("key", "not a readable public key in DER") from None


def public_pem(key: PrivateKey | PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    return _public(key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der(key: PrivateKey | PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER, as re-encoded here."""
    return _public(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(key: PrivateKey | PublicKey) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, base64url unpadded: pin of a CA, `keyId` of phase 1."""
    return b64u_encode(hashlib.sha256(public_der(key)).digest())


def jwk(key: PrivateKey | PublicKey) -> dict[str, str]:
    """Return the required members of the public JWK (RFC 7517, 8037), in the thumbprint's order."""
    public = _public(key)
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"e": _b64u_integer(numbers.e), "kty": "RSA", "n": _b64u_integer(numbers.n)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u_encode(public.public_bytes_raw())}
    point = public.public_numbers()
    x, y = (b64u_encode(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(key: PrivateKey | PublicKey) -> str:
    """Return the RFC 7638 thumbprint: `kid` of every key that signs tokens."""
    return b64u_encode(hashlib.sha256(canonical(jwk(key))).digest())


def _public(key: PrivateKey | PublicKey) -> PublicKey:
    return key.public_key() if isinstance(key, PrivateKey) else key


def _b64u_integer(number: int) -> str:
    return b64u_encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
