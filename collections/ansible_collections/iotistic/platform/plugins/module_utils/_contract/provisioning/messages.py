# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What device and cloud say to each other in the two phases of provisioning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..codec import check_fields
from ..errors import ContractError
from ..ids import CustomerId, Uuid
from .broker import ApiAccess, MqttAccess, origin
from .fields import (
    Binary,
    Binary12,
    Binary32,
    Challenge,
    KeyId,
    MacAddress,
    PublicKeyPem,
    RequestPem,
    Sealed,
)
from .string import ApiKey

__all__ = [
    "EncryptedPayload",
    "KeyExchangeAnswer",
    "KeyExchangeRequest",
    "RegisterAnswer",
    "RegisterRequest",
    "RegistrationPayload",
    "missing_proof",
]

_PROOF = ("keyId", "challenge", "signature")
_SEALED = ("wrappedKey", "nonce", "ciphertext")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExchangeRequest:
    """Phase 1: who asks, under the key's public part alone, with which signing key."""

    device_uuid: Uuid
    provisioning_api_key: KeyId
    device_public_key: PublicKeyPem | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExchangeAnswer:
    """The API's RSA key, its thumbprint, and a challenge if the device named its key."""

    api_public_key: PublicKeyPem
    key_id: Binary32
    challenge: Challenge | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedPayload:
    """AES-256-GCM under a key wrapped by RSA-OAEP; the ciphertext ends with its 16-byte tag."""

    wrapped_key: Binary
    nonce: Binary12
    ciphertext: Sealed
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest:
    """Phase 2; the signature is over ``provision_signed_bytes``."""

    key_id: Binary32
    challenge: Challenge
    encrypted_payload: EncryptedPayload
    signature: Binary
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationPayload:
    """What the encrypted payload holds; the sealing key is 32 raw X25519 bytes."""

    device_uuid: Uuid
    provisioning_api_key: str = field(repr=False)
    certificate_request: RequestPem
    device_sealing_key: Binary32
    challenge: Challenge
    device_name: str | None = None
    device_type: str | None = None
    mac_address: MacAddress | None = None
    os_version: str | None = None
    agent_version: str | None = None
    application_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        ApiKey.parse(self.provisioning_api_key, "iotp1", "provisioningApiKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAnswer:
    """All that a device needs from now on; ``registration`` stands in each later signature."""

    registration: str
    customer_id: CustomerId
    mqtt: MqttAccess
    device_api_key: str = field(repr=False)
    api: ApiAccess
    vpn: Mapping[str, Any] | None = None
    order_public_keys: tuple[Mapping[str, Any], ...] = ()
    target_state_url: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.registration:
            raise ContractError("registration", "is required")
        ApiKey.parse(self.device_api_key, "dk1", "deviceApiKey")
        if origin(self.target_state_url) != origin(self.api.endpoint):
            raise ContractError("targetStateUrl", "not on the origin of api.endpoint")


def missing_proof(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return pointers to what of the proof is missing, null or empty: 422 ``proof_required``."""
    missing = [f"/{name}" for name in _PROOF if body.get(name) in (None, "")]
    sealed = body.get("encryptedPayload")
    if sealed in (None, "", {}):
        return (*missing, "/encryptedPayload")
    if isinstance(sealed, Mapping):
        missing += [f"/encryptedPayload/{key}" for key in _SEALED if sealed.get(key) in (None, "")]
    return tuple(missing)
