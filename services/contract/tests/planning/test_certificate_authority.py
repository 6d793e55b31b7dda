"""Authorities: made when missing, refused when different, never replaced."""

from dataclasses import replace

import pytest

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.certificate_authority import (
    ActualAuthority,
    Authority,
    CreateAuthority,
    plan,
)

CUSTOMER = "cust_0123456789abcdef0123456789abcdef"
ROOT = Authority(kind="root", name="Demo", folder="/pki/root")
PLATFORM = Authority(kind="platform", name="Demo", folder="/pki/platform", issuer="/pki/root")
TENANT = Authority(
    kind="tenant",
    folder="/pki/t",
    issuer="/pki/platform",
    customer_id=CUSTOMER,
    base_domain="iot.example",
    addresses=("127.77.0.16",),
)
HELD_TENANT = ActualAuthority(
    name="01234567 tenant CA",
    domains=("01234567.iotistic.internal", "01234567.iot.example"),
    addresses=("127.77.0.16",),
    signed_by_issuer=True,
)
HELD = {
    "root": (ROOT, ActualAuthority(name="Demo root CA")),
    "platform": (PLATFORM, ActualAuthority(name="Demo platform CA", signed_by_issuer=True)),
    "tenant": (TENANT, HELD_TENANT),
}


@pytest.mark.parametrize("kind", list(HELD))
def test_a_missing_one_is_made_and_then_left_alone(kind: str) -> None:
    wanted, held = HELD[kind]
    first = plan(None, wanted)
    assert first.steps == (CreateAuthority(wanted),)
    again = plan(held, wanted)
    assert (again.steps, again.before, again.after) == ((), first.after, first.after)


@pytest.mark.parametrize(
    ("held", "wanted", "pointer"),
    [
        (HELD["root"][1], replace(ROOT, name="Other"), "/name"),
        (replace(HELD["platform"][1], signed_by_issuer=False), PLATFORM, "/issuer"),
        (replace(HELD_TENANT, name="fedcba98 tenant CA"), TENANT, "/customer_id"),
        (HELD_TENANT, replace(TENANT, base_domain="other.example"), "/base_domain"),
        (HELD_TENANT, replace(TENANT, addresses=("127.77.0.17",)), "/addresses"),
        (replace(HELD_TENANT, addresses=()), TENANT, "/addresses"),
    ],
)
def test_another_one_is_refused_and_named(
    held: ActualAuthority, wanted: Authority, pointer: str
) -> None:
    with pytest.raises(ContractError) as refused:
        plan(held, wanted)
    assert refused.value.pointer == pointer
    assert wanted.folder in refused.value.detail


@pytest.mark.parametrize(
    ("wanted", "change", "pointer"),
    [
        (ROOT, {"kind": "leaf"}, "/kind"),
        (ROOT, {"issuer": "/pki/other"}, "/issuer"),
        (ROOT, {"name": None}, "/name"),
        (PLATFORM, {"issuer": None}, "/issuer"),
        (TENANT, {"customer_id": None}, "/customer_id"),
        (TENANT, {"customer_id": "01234567"}, "/customer_id"),
        (TENANT, {"base_domain": None}, "/base_domain"),
        (TENANT, {"addresses": ("127.77.0.16", "here")}, "/addresses/1"),
    ],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(
    wanted: Authority, change: dict[str, object], pointer: str
) -> None:
    with pytest.raises(ContractError) as refused:
        replace(wanted, **change)  # type: ignore[arg-type]
    assert refused.value.pointer == pointer
