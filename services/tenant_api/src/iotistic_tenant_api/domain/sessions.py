"""A person's session: how long its tokens are good for, and what a shown one means."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iotistic_tenant_api.domain.people import User

__all__ = [
    "ACCESS_GOOD_FOR",
    "REFRESH_GOOD_FOR",
    "REPEAT_WITHIN",
    "Client",
    "Meaning",
    "SignedIn",
    "meaning",
]

ACCESS_GOOD_FOR = timedelta(minutes=15)
REFRESH_GOOD_FOR = timedelta(days=30)
REPEAT_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where a request comes from: an address, and what the program calls itself."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who came in, with the tokens that are shown this once."""

    user: User
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


class Meaning(StrEnum):
    """What it means that a refresh token is shown."""

    NEXT = "next"
    REPEAT = "repeat"
    OVER = "over"
    REUSE = "reuse"


def meaning(
    *,
    alive: bool,
    expires_at: datetime,
    used_at: datetime | None,
    successor_unused: bool,
    now: datetime,
) -> Meaning:
    """Return what to do about a token: take it, answer as before, refuse it, or end the session.

    One that was used is a repetition, for an answer that got lost, only for a minute and while
    what followed it wasn't used either; else two hold it, and one of them stole it.
    """
    if not alive:
        return Meaning.OVER
    if used_at is not None:
        fresh = now - used_at <= REPEAT_WITHIN
        return Meaning.REPEAT if fresh and successor_unused else Meaning.REUSE
    return Meaning.OVER if expires_at <= now else Meaning.NEXT
