# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Orders: signed by a tenant API, checked by the device with the order keys that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import decode, encode
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault
from ansible_collections.iotistic.platform.plugins.module_utils._contract.orders import ALGORITHM, TYPE, Order

from .errors import KeyRefused, TokenRefused
from .jws import parse_compact, sign_compact
from .keys import PrivateKey, PublicKey, jwk, thumbprint
from .verification_keys import public_from_jwk

__all__ = [
    "ORDER_KEYS_TYPE",
    "OrderKeys",
    "order_jwk",
    "sign_order",
    "sign_order_keys",
    "verify_order",
    "verify_order_keys",
]

ORDER_KEYS_TYPE = "order-keys+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKeys:
    """The public order keys that a device holds (JWKs, current first) and their set's number."""

    keys: tuple[Mapping[str, Any], ...]
    seq: int = 0

    def find(self, kid: str) -> PublicKey:
        """Return the key whose own thumbprint is `kid`; TokenRefused `kid` otherwise."""
        for member in self.keys:
            try:
                key = public_from_jwk(member)
            except KeyRefused:
                continue
            if thumbprint(key) == kid:
                return key
        raise TokenRefused("kid", "no order key that is held has signed this")


def order_jwk(key: PrivateKey | PublicKey) -> dict[str, str]:
    """Return the public key as it stands in `orderPublicKeys`."""
    return {**jwk(key), "alg": ALGORITHM, "kid": thumbprint(key), "use": "sig"}


def sign_order(order: Order, key: PrivateKey) -> str:
    """Return the order as a compact token by an Ed25519 order key."""
    return sign_compact(TYPE, encode(order), key)


def verify_order(token: str, held: OrderKeys) -> Order:
    """Return the order; TokenRefused when signature or form is wrong.

    Whether this device must do it now, `iotistic_contract.orders.refusal` says.
    """
    parsed = parse_compact(token, TYPE, ALGORITHM)
    claims = parsed.verify(held.find(parsed.kid))
    try:
        return decode(Order, claims, unknown="keep")
    except ContractFault as error:
        raise TokenRefused("claims", f"the order's claims are wrong: {error}") from None


def sign_order_keys(keys: OrderKeys, key: PrivateKey) -> str:
    """Return `orderPublicKeysJws`: the new set, signed by a key that devices hold."""
    return sign_compact(ORDER_KEYS_TYPE, {"keys": list(keys.keys), "seq": keys.seq}, key)


def verify_order_keys(token: str, held: OrderKeys) -> OrderKeys:
    """Return the new set; TokenRefused `stale` for a lower number than the one held."""
    parsed = parse_compact(token, ORDER_KEYS_TYPE, ALGORITHM)
    claims = parsed.verify(held.find(parsed.kid))
    seq, keys = claims.get("seq"), claims.get("keys")
    if type(seq) is not int or not isinstance(keys, list) or not keys:
        raise TokenRefused("claims", "a set of order keys has keys and seq")
    if not all(isinstance(member, Mapping) for member in keys):
        raise TokenRefused("claims", "an order key is an object")
    if seq < held.seq:
        raise TokenRefused("stale", f"set {seq} is older than set {held.seq}")
    return OrderKeys(keys=tuple(keys), seq=seq)
