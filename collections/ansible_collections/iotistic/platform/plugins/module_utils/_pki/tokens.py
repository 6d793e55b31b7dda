# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Tokens that billing signs and a tenant checks offline: licenses and service tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.iotistic.platform.plugins.module_utils._contract.errors import ContractFault
from ansible_collections.iotistic.platform.plugins.module_utils._contract.license import ISSUER, LEEWAY, License
from ansible_collections.iotistic.platform.plugins.module_utils._contract.license import TYPE as LICENSE_TYPE

from .errors import TokenRefused
from .jws import parse_compact, sign_compact
from .key_sets import (
    KeySet,
    Purpose,
    VerificationKey,
    jwks,
    seed_keys,
    signed_jwks,
    verify_signed_jwks,
)
from .keys import PrivateKey
from .revocations import Revocations, sign_revocations, verify_revocations

__all__ = [
    "SERVICE_TOKEN_LIFE",
    "SERVICE_TYPE",
    "KeySet",
    "Purpose",
    "Revocations",
    "ServiceToken",
    "VerificationKey",
    "jwks",
    "new_service_token",
    "seed_keys",
    "sign_license",
    "sign_revocations",
    "sign_service_token",
    "signed_jwks",
    "verify_license",
    "verify_revocations",
    "verify_service_token",
    "verify_signed_jwks",
]

SERVICE_TYPE = "service+jwt"
SERVICE_TOKEN_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceToken:
    """Who asked billing for access to one tenant, to what, and until when (seconds since 1970)."""

    aud: str
    sub: str
    scope: frozenset[str]
    jti: str
    iat: int
    exp: int


def sign_license(license_: License, key: PrivateKey) -> str:
    """Return the license as a token by an RSA license key."""
    return sign_compact(LICENSE_TYPE, license_.claims(), key)


def verify_license(token: str, keys: KeySet, customer_id: str, now: datetime) -> License:
    """Return the license that `token` holds for that customer, whatever state it is in.

    TokenRefused names the first check that failed. `exp` decides about the state, not here; `nbf`
    counts from the later of `now` and the license's own `iat`, so a clock that is behind is healed
    by a newer license rather than refusing it.
    """
    parsed = parse_compact(token, LICENSE_TYPE, "RS256")
    claims = parsed.verify(keys.find(parsed.kid, Purpose.LICENSE).key)
    _check_parties(claims, customer_id)
    try:
        license_ = License.from_claims(claims)
    except ContractFault as error:
        raise TokenRefused("claims", f"the license's claims are wrong: {error}") from None
    if license_.sub != customer_id:
        raise TokenRefused("aud", "the license is another customer's")
    if license_.nbf > max(now.timestamp(), license_.iat) + LEEWAY.total_seconds():
        raise TokenRefused("nbf", "the license isn't good yet")
    return license_


def new_service_token(
    customer_id: str, subject: str, scope: Iterable[str], now: datetime, jti: str
) -> ServiceToken:
    """Return the claims of a token that `subject` may use at that tenant for ten minutes."""
    iat = int(now.timestamp())
    return ServiceToken(
        aud=customer_id,
        sub=subject,
        scope=frozenset(scope),
        jti=jti,
        iat=iat,
        exp=iat + int(SERVICE_TOKEN_LIFE.total_seconds()),
    )


def sign_service_token(token: ServiceToken, key: PrivateKey) -> str:
    """Return the compact token by an Ed25519 service key; `scope` as RFC 6749 writes it."""
    claims = {
        "iss": ISSUER,
        "aud": token.aud,
        "sub": token.sub,
        "scope": " ".join(sorted(token.scope)),
        "jti": token.jti,
        "iat": token.iat,
        "exp": token.exp,
    }
    return sign_compact(SERVICE_TYPE, claims, key)


def verify_service_token(token: str, keys: KeySet, customer_id: str, now: datetime) -> ServiceToken:
    """Return who asks and for what; TokenRefused names the first check that failed."""
    parsed = parse_compact(token, SERVICE_TYPE, "EdDSA")
    claims = parsed.verify(keys.find(parsed.kid, Purpose.SERVICE).key)
    _check_parties(claims, customer_id)
    found = _service_token(claims)
    seconds, leeway = now.timestamp(), LEEWAY.total_seconds()
    if found.iat > seconds + leeway:
        raise TokenRefused("iat", "the token is from the future")
    if found.exp + leeway <= seconds:
        raise TokenRefused("exp", "the token has expired")
    if not 0 < found.exp - found.iat <= SERVICE_TOKEN_LIFE.total_seconds():
        raise TokenRefused("exp", "a service token lives ten minutes at most")
    return found


def _check_parties(claims: dict[str, Any], customer_id: str) -> None:
    if claims.get("iss") != ISSUER:
        raise TokenRefused("iss", f"the token isn't from {ISSUER}")
    if claims.get("aud") != customer_id:
        raise TokenRefused("aud", "the token is for another customer")


def _service_token(claims: dict[str, Any]) -> ServiceToken:
    texts = [claims.get(name) for name in ("sub", "scope", "jti")]
    times = [claims.get(name) for name in ("iat", "exp")]
    if not all(isinstance(text, str) and text for text in texts):
        raise TokenRefused("claims", "sub, scope and jti are texts")
    if not all(type(moment) is int for moment in times):
        raise TokenRefused("claims", "iat and exp are whole seconds")
    return ServiceToken(
        aud=claims["aud"],
        sub=claims["sub"],
        scope=frozenset(claims["scope"].split(" ")),
        jti=claims["jti"],
        iat=claims["iat"],
        exp=claims["exp"],
    )
