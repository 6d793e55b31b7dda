"""Orders: their claims, and when a device refuses one that is signed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iotistic_contract.codec import decode, encode
from iotistic_contract.errors import ContractError
from iotistic_contract.orders import Held, Order, OrderKind, Refusal, refusal

START = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
CLAIMS = {
    "aud": "cust_0123456789abcdef0123456789abcdef",
    "uuid": "7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b",
    "registration": "reg-2",
    "id": "ord-7",
    "kind": "upgrade",
    "counter": 7,
    "version": "1.4.0",
    "sha256": "ab" * 32,
    "notBefore": "2026-01-15T10:30:00.000Z",
    "expires": "2026-02-14T10:30:00.000Z",
}
ORDER = decode(Order, CLAIMS)
HELD = Held(
    customer_id=ORDER.aud,
    uuid=ORDER.uuid,
    registration="reg-2",
    counters={"upgrade": 6, "job": 40},
)


def test_claims_come_back_whole() -> None:
    assert encode(ORDER) == CLAIMS
    assert decode(Order, {**CLAIMS, "hint": 1}, unknown="keep").extra == {"hint": 1}


def test_a_factory_reset_orders_nothing_to_fetch() -> None:
    reset = {k: v for k, v in CLAIMS.items() if k not in {"version", "sha256"}}
    order = decode(Order, {**reset, "kind": "factory_reset"})
    assert (order.kind, order.sha256) == (OrderKind.FACTORY_RESET, None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"aud": "acme"}, "/aud"),
        ({"uuid": "7F5CDF5A-3A5E-4C5B-9F0E-0C5D5B1F2A3B"}, "/uuid"),
        ({"kind": "reboot"}, "/kind"),
        ({"sha256": None}, "/sha256"),
        ({"sha256": "AB" * 32}, "/sha256"),
        ({"kind": "job", "sha256": None}, "/sha256"),
        ({"version": None}, "/version"),
        ({"counter": 0}, "/counter"),
        ({"counter": 2**53}, "/counter"),
        ({"expires": "2026-01-15T10:30:00.000Z"}, "/expires"),
        ({"expires": "2026-02-14T10:30:00.001Z"}, "/expires"),
        ({"notBefore": "2026-01-15 10:30"}, "/notBefore"),
        ({"registration": None}, "/registration"),
    ],
)
def test_broken_claims_are_refused(change: dict[str, object], pointer: str) -> None:
    with pytest.raises(ContractError) as refused:
        decode(Order, {**CLAIMS, **change}, unknown="keep")
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("order", "held", "now", "why"),
    [
        (ORDER, HELD, START, None),
        (ORDER, HELD, START + timedelta(days=30) - timedelta(seconds=1), None),
        (ORDER, HELD, START - timedelta(seconds=1), Refusal.EARLY),
        (ORDER, HELD, START + timedelta(days=30), Refusal.EXPIRED),
        (ORDER, HELD, None, None),
        (replace(ORDER, counter=6), HELD, None, Refusal.OVERTAKEN),
        (ORDER, replace(HELD, counters={"job": 40}), START, None),
        (ORDER, replace(HELD, registration="reg-3"), START, Refusal.OTHER_REGISTRATION),
        (ORDER, replace(HELD, uuid="0" * 8 + ORDER.uuid[8:]), START, Refusal.OTHER_DEVICE),
        (ORDER, replace(HELD, customer_id="cust_" + "0" * 32), START, Refusal.OTHER_CUSTOMER),
    ],
)
def test_refusals(order: Order, held: Held, now: datetime | None, why: Refusal | None) -> None:
    assert refusal(order, held, now) is why
