# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Secrets sealed to one device: ephemeral X25519, HKDF-SHA256, AES-256-GCM."""

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ansible_collections.iotistic.platform.plugins.module_utils._contract.provisioning import (
    SEALED_SECRET_INFO,
    sealed_secret_aad,
    sealed_secret_salt,
)

from .errors import SealBroken

__all__ = ["Sealed", "SealedTo", "new_sealing_key", "open_secret", "seal_secret", "sealing_public"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTo:
    """For which device, service and variable a secret is sealed; it opens under no other."""

    uuid: str
    service_id: str
    name: str

    @property
    def additional_data(self) -> bytes:
        """The three, each with its length."""
        return sealed_secret_aad(self.uuid, self.service_id, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The three raw parts: 32 bytes, 12 bytes, and the ciphertext with its tag."""

    ephemeral_public_key: bytes
    nonce: bytes
    ciphertext: bytes


def new_sealing_key() -> bytes:
    """Return a fresh X25519 private key, 32 raw bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def sealing_public(private: bytes) -> bytes:
    """Return the public half, 32 raw bytes: the wire's `deviceSealingKey`."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal_secret(plain: bytes, sealing_key: bytes, to: SealedTo) -> Sealed:
    """Seal `plain` to the device whose public sealing key is `sealing_key`."""
    ephemeral, nonce = X25519PrivateKey.generate(), os.urandom(12)
    sender = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(sealing_key))
    except ValueError:
        raise SealBroken("sealing_key", "not a usable X25519 key") from None
    key = _derived(shared, sender, sealing_key)
    ciphertext = AESGCM(key).encrypt(nonce, plain, to.additional_data)
    return Sealed(ephemeral_public_key=sender, nonce=nonce, ciphertext=ciphertext)


def open_secret(sealed: Sealed, private: bytes, to: SealedTo) -> bytes:
    """Return the secret on the device; SealBroken for another key, service or name."""
    own = X25519PrivateKey.from_private_bytes(private)
    sender = sealed.ephemeral_public_key
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(sender))
        key = _derived(shared, sender, own.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, to.additional_data)
    except (InvalidTag, ValueError):
        raise SealBroken("sealed", f"the secret {to.name} doesn't open here") from None


def _derived(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    salt = sealed_secret_salt(sender, receiver)
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=SEALED_SECRET_INFO)
    return kdf.derive(shared)
