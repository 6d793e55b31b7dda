"""Licenses, keys and tokens as this API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

if TYPE_CHECKING:
    from iotistic_billing.domain.model import StoredLicense
    from iotistic_billing.usecases.licensing import Verified

__all__ = [
    "LicensePage",
    "LicenseView",
    "PublicKeyView",
    "RevokeAnswer",
    "ServiceTokenAnswer",
    "VerifyView",
]


class LicenseView(BaseModel):
    """A license as it is stored."""

    jti: str
    customer_id: str
    token: str
    plan: str
    issued_at: datetime
    expires_at: datetime
    reason: str
    revoked_at: datetime | None
    revoke_reason: str | None

    @classmethod
    def of(cls, stored: StoredLicense) -> Self:
        """Show a stored license."""
        return cls(
            jti=stored.jti,
            customer_id=stored.customer_id,
            token=stored.token,
            plan=stored.claims["plan"],
            issued_at=stored.issued_at,
            expires_at=stored.expires_at,
            reason=stored.reason,
            revoked_at=stored.revoked_at,
            revoke_reason=stored.revoke_reason,
        )


class LicensePage(BaseModel):
    """Licenses, newest first."""

    items: list[LicenseView]
    next: str | None = None


class RevokeAnswer(BaseModel):
    """The licenses that were called back just now."""

    revoked: list[str]


class VerifyView(BaseModel):
    """What a token is: its claims and state, or the check that it failed."""

    valid: bool
    state: str | None
    reason: str | None
    claims: dict[str, Any] | None

    @classmethod
    def of(cls, verified: Verified) -> Self:
        """Show what a token turned out to be."""
        return cls(
            valid=verified.license is not None,
            state=verified.status.state if verified.status else None,
            reason=verified.reason,
            claims=verified.license.claims() if verified.license else None,
        )


class ServiceTokenAnswer(BaseModel):
    """A token for one tenant."""

    token: str
    expires_at: datetime


class PublicKeyView(BaseModel):
    """The key that licenses are signed with, in PEM."""

    kid: str
    alg: str
    public_key: str
