# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The exact bytes under each signature that a device makes, and beside each sealed secret.

A prefix that ends with one zero byte and has no length; then each field after its length as an
unsigned 32-bit big-endian number. Texts are UTF-8.
"""

import struct

from ..errors import ContractError

__all__ = [
    "CERTIFICATES_PREFIX",
    "PROVISION_PREFIX",
    "RELEASE_PREFIX",
    "ROTATE_KEY_PREFIX",
    "SEALED_SECRET_INFO",
    "certificates_signed_bytes",
    "provision_signed_bytes",
    "release_signed_bytes",
    "rotate_key_signed_bytes",
    "sealed_secret_aad",
    "sealed_secret_salt",
]

PROVISION_PREFIX = b"iotistic-provision-v2\0"
ROTATE_KEY_PREFIX = b"iotistic-rotate-key-v1\0"
CERTIFICATES_PREFIX = b"iotistic-certificates-v1\0"
RELEASE_PREFIX = b"iotistic-release-v1\0"
SEALED_SECRET_INFO = b"iotistic-secret-v1"


def _fields(*fields: str | bytes) -> bytes:
    raw = (field.encode() if isinstance(field, str) else field for field in fields)
    return b"".join(struct.pack(">I", len(each)) + each for each in raw)


def provision_signed_bytes(  # noqa: PLR0913 - the eight fields of the signature, in its order
    *,
    key_id: str,
    provisioning_key_id: str,
    device_uuid: str,
    device_public_key: bytes,
    challenge: str,
    wrapped_key: bytes,
    nonce: bytes,
    ciphertext: bytes,
) -> bytes:
    """Return what ``signature`` of register covers; the public key in DER, all bytes decoded."""
    return PROVISION_PREFIX + _fields(
        key_id,
        provisioning_key_id,
        device_uuid,
        device_public_key,
        challenge,
        wrapped_key,
        nonce,
        ciphertext,
    )


def rotate_key_signed_bytes(uuid: str, registration: str, new_key_hash: bytes) -> bytes:
    """Return what ``signature`` of rotate-key covers; the hash is the 32 bytes."""
    if len(new_key_hash) != 32:
        raise ContractError("/newKeyHash", "the hash is 32 bytes")
    return ROTATE_KEY_PREFIX + _fields(uuid, registration, new_key_hash)


def certificates_signed_bytes(uuid: str, registration: str, request_der: bytes) -> bytes:
    """Return what ``signature`` of certificates covers; the request in DER."""
    return CERTIFICATES_PREFIX + _fields(uuid, registration, request_der)


def release_signed_bytes(uuid: str, registration: str) -> bytes:
    """Return what ``signature`` of release covers."""
    return RELEASE_PREFIX + _fields(uuid, registration)


def sealed_secret_aad(uuid: str, service_id: str, name: str) -> bytes:
    """Return the additional data of a secret sealed to one device, for a service and name."""
    return _fields(uuid, service_id, name)


def sealed_secret_salt(ephemeral_public_key: bytes, sealing_key: bytes) -> bytes:
    """Return HKDF's salt for a sealed secret: both raw X25519 public keys, the sender's first."""
    return ephemeral_public_key + sealing_key
