# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""The device's side of registration: seal the payload to the API's key, sign all of it."""

import json
import os
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_decode, b64u_encode, encode
from ansible_collections.iotistic.platform.plugins.module_utils._contract.provisioning import (
    EncryptedPayload,
    KeyExchangeAnswer,
    RegisterRequest,
    RegistrationPayload,
    provision_signed_bytes,
)

from .challenge import Registrant
from .device_keys import sign
from .errors import KeyRefused
from .keys import PrivateKey, public_der, public_from_pem, spki_sha256
from .wrapping import OAEP

__all__ = ["seal_registration", "signed_bytes"]


def seal_registration(
    payload: RegistrationPayload, answer: KeyExchangeAnswer, device_key: PrivateKey
) -> RegisterRequest:
    """Return the request of phase 2, made by the device; the payload gets the challenge.

    KeyRefused when the answer's key isn't RSA or isn't the one that its `keyId` names.
    """
    if answer.challenge is None:
        raise KeyRefused("challenge", "the API sent no challenge")
    payload = replace(payload, challenge=answer.challenge)
    unsigned = RegisterRequest(
        key_id=answer.key_id,
        challenge=answer.challenge,
        encrypted_payload=_sealed(payload, _api_key(answer), answer.key_id),
        signature="AA",
    )
    registrant = Registrant(
        device_uuid=payload.device_uuid,
        provisioning_key_id=payload.provisioning_api_key.split(".")[1],
        device_public_key=public_der(device_key),
    )
    signature = sign(device_key, signed_bytes(unsigned, registrant))
    return replace(unsigned, signature=b64u_encode(signature))


def signed_bytes(request: RegisterRequest, registrant: Registrant) -> bytes:
    """Return what the request's signature is over."""
    sealed = request.encrypted_payload
    return provision_signed_bytes(
        key_id=request.key_id,
        provisioning_key_id=registrant.provisioning_key_id,
        device_uuid=registrant.device_uuid,
        device_public_key=registrant.device_public_key,
        challenge=request.challenge,
        wrapped_key=b64u_decode(sealed.wrapped_key),
        nonce=b64u_decode(sealed.nonce),
        ciphertext=b64u_decode(sealed.ciphertext),
    )


def _api_key(answer: KeyExchangeAnswer) -> RSAPublicKey:
    key = public_from_pem(answer.api_public_key)
    if not isinstance(key, RSAPublicKey) or spki_sha256(key) != answer.key_id:
        raise KeyRefused("key", "the API's key isn't the RSA key that its keyId names")
    return key


def _sealed(payload: RegistrationPayload, api_key: RSAPublicKey, key_id: str) -> EncryptedPayload:
    wrapping, nonce = os.urandom(32), os.urandom(12)
    plain = json.dumps(encode(payload)).encode("ascii")
    ciphertext = AESGCM(wrapping).encrypt(nonce, plain, key_id.encode("ascii"))
    return EncryptedPayload(
        wrapped_key=b64u_encode(api_key.encrypt(wrapping, OAEP)),
        nonce=b64u_encode(nonce),
        ciphertext=b64u_encode(ciphertext),
    )
