"""Mail as values: what is to be sent, to whom, and until when it is of use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

__all__ = ["INVITE_JOB", "MAIL_JOB", "Letter", "MailKind", "customer_of", "job_key", "of_use_for"]

# Kinds of jobs of the work queue beside those that deploy.
MAIL_JOB, INVITE_JOB = "mail", "invite"


class MailKind(StrEnum):
    """What a mail is about."""

    VERIFY = "verify"
    KNOWN = "known"
    INVITE = "invite"


_OF_USE = {
    MailKind.VERIFY: timedelta(hours=24),
    MailKind.KNOWN: timedelta(hours=24),
    MailKind.INVITE: timedelta(days=7),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail: ``link`` is its secret, everything else may be shown."""

    id: UUID
    kind: MailKind
    recipient: str
    link: str
    created_at: datetime
    expires_at: datetime


def of_use_for(kind: MailKind) -> timedelta:
    """Return how long after its making a mail still says something true."""
    return _OF_USE[kind]


def job_key(customer_id: str, kind: str) -> str:
    """Return the key of jobs beside the deployment: they don't wait for it, nor it for them."""
    return f"{customer_id}/{kind}"


def customer_of(key: str) -> str:
    """Return the customer whom a job of the queue is about."""
    return key.partition("/")[0]
