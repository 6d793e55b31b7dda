# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Signatures by a device's key: Ed25519, or RSA-PSS with SHA-256, MGF1-SHA-256 and salt 32."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from .errors import KeyRefused
from .keys import PrivateKey, public_from_der, public_from_pem

__all__ = ["DevicePublicKey", "device_public_key", "sign", "stored_device_key", "verifies"]

DevicePublicKey = Ed25519PublicKey | RSAPublicKey
_DIGEST = hashes.SHA256()
_PSS = padding.PSS(mgf=padding.MGF1(_DIGEST), salt_length=32)


def device_public_key(pem: str) -> DevicePublicKey:
    """Return the key in `pem`; KeyRefused `key_type` unless Ed25519 or RSA of at least 2048."""
    return _device_kind(public_from_pem(pem))


def stored_device_key(der: bytes) -> DevicePublicKey:
    """Return the key whose SubjectPublicKeyInfo was kept as `der`; KeyRefused as above."""
    return _device_kind(public_from_der(der))


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Return the signature that `verifies` takes; KeyRefused for a key no device may sign with."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, RSAPrivateKey):
        return key.sign(message, _PSS, _DIGEST)
    raise KeyRefused("key_type", "a device key is Ed25519 or RSA")


def verifies(key: DevicePublicKey, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` is by `key` over `message`."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, _PSS, _DIGEST)
    except InvalidSignature:
        return False
    return True


def _device_kind(key: object) -> DevicePublicKey:
    if isinstance(key, Ed25519PublicKey | RSAPublicKey):
        return key
    raise KeyRefused("key_type", "a device key is Ed25519 or RSA of at least 2048 bits")
