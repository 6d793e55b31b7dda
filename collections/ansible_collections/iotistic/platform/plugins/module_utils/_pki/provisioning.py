# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Registration: the public names of both sides, and of the keys and challenges between them."""

from .challenge import CHALLENGE_LIFE, Challenge, check_challenge, mint_challenge
from .device_keys import device_public_key, sign, stored_device_key, verifies
from .registration_device import seal_registration
from .registration_server import Proof, answer_key_exchange, check_proof, open_payload
from .wrapping import ProvisioningKeys, WrappingKey

__all__ = [
    "CHALLENGE_LIFE",
    "Challenge",
    "Proof",
    "ProvisioningKeys",
    "WrappingKey",
    "answer_key_exchange",
    "check_challenge",
    "check_proof",
    "device_public_key",
    "mint_challenge",
    "open_payload",
    "seal_registration",
    "sign",
    "stored_device_key",
    "verifies",
]
