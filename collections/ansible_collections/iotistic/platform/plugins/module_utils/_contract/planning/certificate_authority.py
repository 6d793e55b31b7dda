# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Whether a folder holds the certificate authority that it is to hold."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from ..errors import ContractError
from ..ids import check_customer_id
from .plan import Plan

__all__ = ["ActualAuthority", "Authority", "CreateAuthority", "plan"]

Kind = Literal["root", "platform", "tenant"]
KINDS = ("root", "platform", "tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A wanted authority.

    Root and platform have a ``name``; a tenant's has its customer, the domain of its site, and
    the addresses that it may certify. ``issuer`` is the folder of the one that signs it.
    """

    kind: Kind
    folder: str
    name: str | None = None
    issuer: str | None = None
    customer_id: str | None = None
    base_domain: str | None = None
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ContractError("/kind", f"not one of {', '.join(KINDS)}")
        if (self.issuer is None) != (self.kind == "root"):
            raise ContractError("/issuer", "a root has none, every other authority has one")
        if self.kind == "tenant":
            self._check_tenant()
        elif not self.name:
            raise ContractError("/name", "required")

    def _check_tenant(self) -> None:
        if not self.base_domain:
            raise ContractError("/base_domain", "required")
        try:
            check_customer_id(self.customer_id or "")
        except ContractError as error:
            raise error.under("customer_id") from None
        for index, address in enumerate(self.addresses):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise ContractError(f"/addresses/{index}", "not an IP address") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualAuthority:
    """What the folder holds: its subject's words, what it may certify, and who signed it.

    ``domains`` and ``addresses`` are empty where nothing is constrained; ``signed_by_issuer``
    is None when there is no issuer to compare with.
    """

    name: str
    domains: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    signed_by_issuer: bool | None = None


@dataclass(frozen=True, slots=True)
class CreateAuthority:
    """Make key, certificates and first CRL in the folder."""

    wanted: Authority


def plan(actual: ActualAuthority | None, desired: Authority) -> Plan:
    """Make a missing authority. One that differs is refused: replacing it cuts everybody off."""
    after = _shown(desired)
    if actual is None:
        return Plan(before={}, after=after, steps=(CreateAuthority(desired),))
    if actual.signed_by_issuer is False:
        raise ContractError("/issuer", f"{desired.folder} was signed by another authority")
    is_there = {
        "name": actual.name,
        "domains": sorted(actual.domains),
        "addresses": sorted(actual.addresses),
    }
    for field, option in (("name", _name_option(desired)), *_SCOPE):
        if is_there[field] != after[field]:
            raise ContractError(
                option,
                f"{desired.folder} holds an authority with other {field} ({is_there[field]}, "
                f"not {after[field]}); an authority is never replaced in place",
            )
    return Plan(before=after, after=after)


_SCOPE = (("domains", "/base_domain"), ("addresses", "/addresses"))


def _name_option(desired: Authority) -> str:
    return "/customer_id" if desired.kind == "tenant" else "/name"


def _shown(desired: Authority) -> dict[str, object]:
    if desired.kind != "tenant":
        return {
            "kind": desired.kind,
            "name": f"{desired.name} {desired.kind} CA",
            "domains": [],
            "addresses": [],
        }
    short = (desired.customer_id or "")[5:13]
    domains = {f"{short}.iotistic.internal", f"{short}.{desired.base_domain}"}
    return {
        "kind": "tenant",
        "name": f"{short} tenant CA",
        "domains": sorted(domains),
        "addresses": sorted(str(ipaddress.ip_address(text)) for text in desired.addresses),
    }
