# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Orders: what a cloud may make one device do, signed, numbered and short-lived."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .codec import OMIT_DEFAULT, check_fields
from .errors import ContractError
from .ids import CustomerId, Uuid

__all__ = [
    "ALGORITHM",
    "LONGEST",
    "TYPE",
    "Held",
    "NextOrder",
    "Order",
    "OrderKind",
    "OrderReport",
    "OrderStatus",
    "Refusal",
    "refusal",
]

ALGORITHM = "EdDSA"
TYPE = "order+jwt"
LONGEST = timedelta(days=30)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HIGHEST = 2**53 - 1
_LARGEST_CODE = 2**31 - 1


class OrderKind(StrEnum):
    """What is ordered."""

    UPGRADE = "upgrade"
    JOB = "job"
    FACTORY_RESET = "factory_reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The claims; ``sha256`` is of the artefact or of the canonical job document, in hex.

    The artefact of an upgrade is the release's manifest. ``allow_downgrade`` says that an older
    release may replace a newer one.
    """

    aud: CustomerId
    uuid: Uuid
    registration: str
    id: str
    kind: OrderKind
    counter: int
    not_before: datetime
    expires: datetime
    version: str | None = None
    sha256: str | None = None
    allow_downgrade: bool = field(default=False, metadata=OMIT_DEFAULT)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind is not OrderKind.FACTORY_RESET and self.sha256 is None:
            raise ContractError("sha256", f"an order of kind {self.kind} names what it orders")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ContractError("sha256", "64 lower-case hex digits")
        if self.kind is OrderKind.UPGRADE and self.version is None:
            raise ContractError("version", "an upgrade says to which version")
        if self.allow_downgrade and self.kind is not OrderKind.UPGRADE:
            raise ContractError("allowDowngrade", "only an upgrade can go back")
        if not 1 <= self.counter <= _HIGHEST:
            raise ContractError("counter", "a number from 1 to 2^53-1")
        if not self.not_before < self.expires <= self.not_before + LONGEST:
            raise ContractError("expires", "after notBefore, and at most 30 days after")


class OrderStatus(StrEnum):
    """How an order stands, as a device tells it; all but running are final."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOrder:
    """What a device is handed out: the token of an order, and the job document of a job."""

    order: str
    job: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a device says of an order."""

    status: OrderStatus
    exit_code: int | None = None
    output: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.exit_code is not None and abs(self.exit_code) > _LARGEST_CODE:
            raise ContractError("exitCode", "a number of 32 bits")


class Refusal(StrEnum):
    """Why a device doesn't do an order whose signature is right."""

    OTHER_CUSTOMER = "other_customer"
    OTHER_DEVICE = "other_device"
    OTHER_REGISTRATION = "other_registration"
    OVERTAKEN = "overtaken"
    EARLY = "early"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a device knows of itself, with the counter of its last order by kind."""

    customer_id: str
    uuid: str
    registration: str
    counters: Mapping[str, int] = field(default_factory=dict)


def refusal(order: Order, held: Held, now: datetime | None) -> Refusal | None:
    """Return why ``held`` must not do ``order``; ``now`` is None without a trusted clock."""
    reasons = {
        Refusal.OTHER_CUSTOMER: order.aud != held.customer_id,
        Refusal.OTHER_DEVICE: order.uuid != held.uuid,
        Refusal.OTHER_REGISTRATION: order.registration != held.registration,
        Refusal.OVERTAKEN: order.counter <= held.counters.get(order.kind, 0),
        Refusal.EARLY: now is not None and now < order.not_before,
        Refusal.EXPIRED: now is not None and now >= order.expires,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
