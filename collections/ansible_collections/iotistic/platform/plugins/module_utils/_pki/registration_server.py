# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The server's side of registration: check first, decrypt later.

The order is fixed: `check_proof` does everything that costs no RSA private operation; only then
comes `open_payload`. Between the two the caller marks the challenge as used.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_decode, decode, parse_json
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault
from ansible_collections.iotistic.platform.plugins.module_utils._contract.provisioning import (
    KeyExchangeAnswer,
    KeyExchangeRequest,
    RegisterRequest,
    RegistrationPayload,
)

from .challenge import Challenge, check_challenge, mint_challenge
from .device_keys import DevicePublicKey, device_public_key, stored_device_key, verifies
from .errors import KeyRefused, ProvisioningRefused
from .keys import public_der
from .registration_device import signed_bytes
from .wrapping import OAEP, ProvisioningKeys, WrappingKey

__all__ = ["Proof", "answer_key_exchange", "check_proof", "open_payload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A registration whose signature is right: who it is by its own key, nothing decrypted yet."""

    request: RegisterRequest
    challenge: Challenge
    device_key: DevicePublicKey
    wrapping_key: WrappingKey


def answer_key_exchange(
    request: KeyExchangeRequest, keys: ProvisioningKeys, now: datetime, nonce: bytes
) -> KeyExchangeAnswer:
    """Return the answer of phase 1, with a challenge when the device named its key.

    `nonce` is 16 random bytes. ProvisioningRefused `key_type` for a key that can't sign, `invalid`
    for one that can't be read.
    """
    challenge = None
    if request.device_public_key is not None:
        bound = Challenge(
            device_uuid=request.device_uuid,
            provisioning_key_id=request.provisioning_api_key,
            device_public_key=public_der(_signing_key(request.device_public_key)),
            at=now,
            nonce=nonce,
        )
        challenge = mint_challenge(keys.secret, bound)
    return KeyExchangeAnswer(
        api_public_key=keys.current.public_pem, key_id=keys.current.key_id, challenge=challenge
    )


def check_proof(request: RegisterRequest, keys: ProvisioningKeys, now: datetime) -> Proof:
    """Check key id, challenge and signature, in this order and without any RSA private operation.

    ProvisioningRefused: 410 `key_id_unknown | challenge_invalid | challenge_expired`, 401
    `invalid_signature`.
    """
    wrapping_key = keys.find(request.key_id, now)
    challenge = check_challenge(keys.secret, request.challenge, now)
    device_key = stored_device_key(challenge.device_public_key)
    signature = b64u_decode(request.signature)
    if not verifies(device_key, signature, signed_bytes(request, challenge)):
        raise ProvisioningRefused("invalid_signature", "the signature is wrong", 401)
    return Proof(
        request=request, challenge=challenge, device_key=device_key, wrapping_key=wrapping_key
    )


def open_payload(proof: Proof) -> RegistrationPayload:
    """Decrypt and decode the payload, and compare it with what the challenge was bound to.

    ProvisioningRefused: 422 `invalid` when it can't be opened or read, 401 `invalid_signature` when
    uuid, key id or challenge inside are others than outside.
    """
    payload = _decoded(_plain(proof))
    inside = (
        payload.device_uuid,
        payload.provisioning_api_key.split(".")[1],
        payload.challenge,
    )
    outside = (
        proof.challenge.device_uuid,
        proof.challenge.provisioning_key_id,
        proof.request.challenge,
    )
    if inside != outside:
        raise ProvisioningRefused(
            "invalid_signature", "the payload is about something else than its challenge", 401
        )
    return payload


def _plain(proof: Proof) -> bytes:
    sealed = proof.request.encrypted_payload
    try:
        key = proof.wrapping_key.key.decrypt(b64u_decode(sealed.wrapped_key), OAEP)
        return _aes_256(key).decrypt(
            b64u_decode(sealed.nonce),
            b64u_decode(sealed.ciphertext),
            proof.request.key_id.encode("ascii"),
        )
    except (ValueError, InvalidTag):
        raise ProvisioningRefused("invalid", "the payload can't be opened", 422) from None


def _aes_256(key: bytes) -> AESGCM:
    if len(key) != 32:
        raise ValueError("not a key for AES-256")
    return AESGCM(key)


def _decoded(plain: bytes) -> RegistrationPayload:
    try:
        return decode(RegistrationPayload, parse_json(plain), unknown="keep")
    except ContractFault as error:
        raise ProvisioningRefused("invalid", f"the payload is wrong: {error}", 422) from None


def _signing_key(pem: str) -> DevicePublicKey:
    try:
        return device_public_key(pem)
    except KeyRefused as error:
        code = "key_type" if error.reason == "key_type" else "invalid"
        raise ProvisioningRefused(code, error.detail, 422) from None
