"""People: what each role reaches, and who may do what to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["SCOPES", "Role", "User", "check_grant", "check_last_owner", "check_reach"]

OFFER_GOOD_FOR = timedelta(minutes=10)


class Role(StrEnum):
    """What a person is here, from least to most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MANAGER = "manager"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """A number that rises with what the role may."""
        return list(Role).index(self)


_VIEWER = frozenset({"read"})
_OPERATOR = _VIEWER | {"overrides"}
_MANAGER = _OPERATOR | {"target-states", "devices", "provisioning-keys"}
_ADMIN = _MANAGER | {"users", "audit", "license", "upgrades"}

SCOPES: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.OPERATOR: _OPERATOR,
        Role.MANAGER: _MANAGER,
        Role.ADMIN: _ADMIN,
        Role.OWNER: _ADMIN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person with an account here."""

    id: str
    email: str
    name: str
    role: Role
    password_hash: str = field(repr=False)
    totp_secret: bytes | None = field(default=None, repr=False)
    totp_offered_at: datetime | None = None
    totp_confirmed_at: datetime | None = None
    totp_last_step: int = 0
    recovery_hashes: tuple[bytes, ...] = field(default=(), repr=False)
    created_at: datetime
    last_login_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def two_factor(self) -> bool:
        """Whether signing in takes a code beside the password."""
        return self.totp_confirmed_at is not None

    def has_offer(self, now: datetime) -> bool:
        """Whether a secret waits to be confirmed, which it may for ten minutes."""
        if self.totp_secret is None or self.totp_offered_at is None or self.two_factor:
            return False
        return now - self.totp_offered_at < OFFER_GOOD_FOR

    @property
    def disabled(self) -> bool:
        """Whether the account is closed for now."""
        return self.disabled_at is not None


def check_grant(actor: Role, role: Role) -> None:
    """Refuse with 403 when `actor` would give a role above their own."""
    if role.rank > actor.rank:
        raise Refused(403, "forbidden", f"an {actor} can't give the role {role}", pointer="/role")


def check_reach(actor: Role, target: Role) -> None:
    """Refuse with 403 when `actor` would touch somebody whose role is above their own."""
    if target.rank > actor.rank:
        raise Refused(403, "forbidden", f"an {actor} can't change an {target}")


def check_last_owner(target: User, owners: int, *, stays: bool) -> None:
    """Refuse with 409 when the last of `owners` who can sign in wouldn't be one any more."""
    counts = target.role is Role.OWNER and not target.disabled
    if counts and not stays and owners <= 1:
        raise Refused(409, "last_owner", "this is the last owner: make somebody else one first")
