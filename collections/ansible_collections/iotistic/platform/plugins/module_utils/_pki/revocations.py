# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Billing's list of revoked licenses, a signed token that a tenant keeps and uses when offline."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.iotistic.platform.plugins.module_utils._contract.codec import format_time, parse_time
from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault
from ansible_collections.iotistic.platform.plugins.module_utils._contract.license import ISSUER

from .errors import TokenRefused
from .jws import parse_compact, sign_compact
from .key_sets import KeySet, Purpose
from .keys import PrivateKey

__all__ = ["REVOCATIONS_TYPE", "Revocations", "sign_revocations", "verify_revocations"]

REVOCATIONS_TYPE = "license-revocations+jwt"
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """Ids of revoked licenses; past `next_update` the list is still used, and shown as stale."""

    iat: int
    seq: int
    next_update: datetime
    jtis: frozenset[str]


def sign_revocations(revocations: Revocations, key: PrivateKey) -> str:
    """Return the list as a compact token by a license key."""
    claims = {
        "iss": ISSUER,
        "iat": revocations.iat,
        "seq": revocations.seq,
        "nextUpdate": format_time(revocations.next_update),
        "jtis": sorted(revocations.jtis),
    }
    return sign_compact(REVOCATIONS_TYPE, claims, key)


def verify_revocations(token: str, keys: KeySet, least_seq: int) -> Revocations:
    """Return the list; `least_seq` is the higher of the license's `revSeq` and the last seen.

    TokenRefused `stale` below it, else the reason of the first check that failed.
    """
    parsed = parse_compact(token, REVOCATIONS_TYPE, "RS256", _MOST_BYTES)
    claims = parsed.verify(keys.find(parsed.kid, Purpose.LICENSE).key)
    if claims.get("iss") != ISSUER:
        raise TokenRefused("iss", f"the list isn't from {ISSUER}")
    revocations = _decoded(claims)
    if revocations.seq < least_seq:
        raise TokenRefused("stale", f"list {revocations.seq} is older than {least_seq}")
    return revocations


def _decoded(claims: dict[str, Any]) -> Revocations:
    iat, seq, jtis = claims.get("iat"), claims.get("seq"), claims.get("jtis")
    if type(iat) is not int or type(seq) is not int or not isinstance(jtis, list):
        raise TokenRefused("claims", "a list of revocations has iat, seq and jtis")
    if not all(isinstance(jti, str) for jti in jtis):
        raise TokenRefused("claims", "an id that is no text")
    try:
        next_update = parse_time(str(claims.get("nextUpdate")))
    except ContractFault:
        raise TokenRefused("claims", "nextUpdate isn't a time") from None
    return Revocations(iat=iat, seq=seq, next_update=next_update, jtis=frozenset(jtis))
