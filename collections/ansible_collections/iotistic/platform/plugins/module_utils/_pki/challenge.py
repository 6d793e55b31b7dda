# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Challenges of phase 1: the server keeps none, its MAC tells its own from others."""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import b64u_decode, b64u_encode
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault

from .errors import ProvisioningRefused

__all__ = ["CHALLENGE_LIFE", "Challenge", "Registrant", "check_challenge", "mint_challenge"]

CHALLENGE_LIFE = timedelta(minutes=5)
_SKEW_MILLISECONDS = 60_000
_LABEL = b"iotistic-challenge-v1\0"
_MAC_BYTES, _NONCE_BYTES = 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrant:
    """Who registers, by which provisioning key; the device's public key in DER."""

    device_uuid: str
    provisioning_key_id: str
    device_public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(Registrant):
    """Whom a challenge was made for, and when; `nonce` (16 bytes) makes it unique."""

    at: datetime
    nonce: bytes

    @property
    def expires_at(self) -> datetime:
        """Five minutes after it was made; a used one is remembered as long."""
        return self.at + CHALLENGE_LIFE


def mint_challenge(secret: bytes, challenge: Challenge) -> str:
    """Return the opaque text for the device, authenticated by `secret` (32 bytes)."""
    milliseconds = int(challenge.at.timestamp() * 1000)
    body = struct.pack(">Q", milliseconds) + challenge.nonce
    for content in (
        challenge.device_uuid.encode("ascii"),
        challenge.provisioning_key_id.encode("ascii"),
        challenge.device_public_key,
    ):
        body += struct.pack(">H", len(content)) + content
    return b64u_encode(body + _mac(secret, body))


def check_challenge(secret: bytes, text: str, now: datetime) -> Challenge:
    """Return what is bound to `text`; ProvisioningRefused `challenge_invalid|challenge_expired`."""
    try:
        octets = b64u_decode(text)
    except ContractFault:
        raise ProvisioningRefused("invalid", "the challenge isn't base64url", 422) from None
    body, mac = octets[:-_MAC_BYTES], octets[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, body)):
        raise ProvisioningRefused("challenge_invalid", "not a challenge of this server", 410)
    challenge = _unpacked(body)
    age = (now - challenge.at).total_seconds() * 1000
    if not -_SKEW_MILLISECONDS <= age < CHALLENGE_LIFE.total_seconds() * 1000:
        raise ProvisioningRefused("challenge_expired", "the challenge is over 5 minutes old", 410)
    return challenge


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, _LABEL + body, hashlib.sha256)


def _unpacked(body: bytes) -> Challenge:
    """Read what `mint_challenge` packed; only after the MAC was right."""
    (milliseconds,) = struct.unpack_from(">Q", body)
    position = 8 + _NONCE_BYTES
    contents = []
    for _ in range(3):
        (length,) = struct.unpack_from(">H", body, position)
        contents.append(body[position + 2 : position + 2 + length])
        position += 2 + length
    uuid, key_id, public_key = contents
    return Challenge(
        device_uuid=uuid.decode("ascii"),
        provisioning_key_id=key_id.decode("ascii"),
        device_public_key=public_key,
        at=datetime.fromtimestamp(milliseconds / 1000, UTC),
        nonce=body[8 : 8 + _NONCE_BYTES],
    )
