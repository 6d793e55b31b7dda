"""Invitations: how somebody gets an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.people import Role

__all__ = ["GOOD_FOR", "Invitation", "gone"]

GOOD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An open invitation; `created_by` is a user's id, or what a service's token names."""

    id: str
    email: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


def gone() -> Refused:
    """Return the one answer to a token that is used, revoked, expired or unknown."""
    return Refused(404, "invitation_gone", "this invitation was used, has expired, or never was")
