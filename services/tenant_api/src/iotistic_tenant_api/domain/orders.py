"""Orders to devices: how they are worded, and when one must be signed anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from iotistic_contract.orders import Order, OrderKind, OrderStatus

__all__ = [
    "FINAL",
    "GOOD_FOR",
    "Given",
    "Standing",
    "claims",
    "is_overtaken",
    "shortened",
    "stands",
]

GOOD_FOR = timedelta(days=30)
_SLOW_CLOCKS = timedelta(minutes=5)
_LONGEST_OUTPUT = 16 * 1024


class Standing(StrEnum):
    """What is known of an order beside what devices say."""

    WAITING = "waiting"
    VOID = "void"


FINAL = frozenset({*OrderStatus, Standing.VOID} - {OrderStatus.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One order as it is kept; `token` is what the device gets."""

    id: str
    device_uuid: str
    registration: str
    kind: str
    counter: int
    version: str | None
    sha256: str | None
    allow_downgrade: bool
    not_before: datetime
    expires: datetime
    token: str = field(repr=False)
    status: str
    exit_code: int | None = None
    output: str | None = None
    created_at: datetime
    created_by: str
    changed_at: datetime

    @property
    def open(self) -> bool:
        """Whether it is still to be done."""
        return self.status not in FINAL


def claims(customer_id: str, given: Given) -> Order:
    """Return what is signed."""
    return Order(
        aud=customer_id,
        uuid=given.device_uuid,
        registration=given.registration,
        id=given.id,
        kind=OrderKind(given.kind),
        counter=given.counter,
        version=given.version,
        sha256=given.sha256,
        allow_downgrade=given.allow_downgrade,
        not_before=given.not_before,
        expires=given.expires,
    )


def stands(now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when an order holds; it begins earlier, for clocks that are slow."""
    begins = now - _SLOW_CLOCKS
    return begins, begins + GOOD_FOR


def is_overtaken(given: Given, taken: int) -> bool:
    """Tell whether the device has taken a later one of this kind, so that it refuses this one."""
    return given.status == Standing.WAITING and given.counter <= taken


def shortened(output: str | None) -> str | None:
    """Return at most the first 16 Ki characters of what a device said."""
    return None if output is None else output[:_LONGEST_OUTPUT]
