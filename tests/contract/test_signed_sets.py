"""Signed sets, byte by byte: billing's keys, its revocations, a tenant's order keys.

The files were written by other code than ours, with the keys of the license's and order's vectors.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from iotistic_contract.codec import parse_json
from iotistic_pki.errors import TokenRefused
from iotistic_pki.keys import PrivateKey, public_pem
from iotistic_pki.orders import OrderKeys, sign_order_keys, verify_order_keys
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    Revocations,
    seed_keys,
    sign_revocations,
    signed_jwks,
    verify_revocations,
    verify_signed_jwks,
)

SIGNED = Path(__file__).parent / "vectors" / "signed"


def vector(name: str) -> tuple[dict[str, Any], PrivateKey]:
    """The message, and the key that signed it."""
    document = parse_json((SIGNED / f"{name}.json").read_bytes())
    assert isinstance(document, dict)
    key = load_pem_private_key(document["keys"]["signer"].encode(), None)
    assert isinstance(key, PrivateKey)
    return document, key


def test_a_set_of_keys_is_signed_and_read_to_the_byte() -> None:
    message, key = vector("key-set")
    offered = KeySet.from_mapping(message["claims"])

    assert signed_jwks(offered, [key], message["claims"]["iat"]) == message["document"]
    assert verify_signed_jwks(seed_keys(public_pem(key)), message["document"]) == offered
    assert [held.purpose for held in offered.keys] == [Purpose.LICENSE, Purpose.SERVICE]
    with pytest.raises(TokenRefused, match="older"):
        verify_signed_jwks(KeySet(keys=offered.keys, seq=8), message["document"])


def test_revocations_are_signed_and_read_to_the_byte() -> None:
    message, key = vector("revocations")
    listed = Revocations(
        iat=message["claims"]["iat"],
        seq=message["claims"]["seq"],
        next_update=datetime(2026, 1, 1, 1, tzinfo=UTC),
        jtis=frozenset(message["claims"]["jtis"]),
    )

    assert sign_revocations(listed, key) == message["token"]
    assert verify_revocations(message["token"], seed_keys(public_pem(key)), 12) == listed
    with pytest.raises(TokenRefused, match="older"):
        verify_revocations(message["token"], seed_keys(public_pem(key)), 13)


def test_order_keys_are_signed_and_read_to_the_byte() -> None:
    message, key = vector("order-keys")
    offered = OrderKeys(keys=tuple(message["claims"]["keys"]), seq=message["claims"]["seq"])
    held = OrderKeys(keys=offered.keys[:1], seq=2)

    assert sign_order_keys(offered, key) == message["token"]
    assert verify_order_keys(message["token"], held) == offered
    with pytest.raises(TokenRefused, match="no order key"):
        verify_order_keys(message["token"], OrderKeys(keys=offered.keys[1:], seq=2))
