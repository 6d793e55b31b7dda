# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Whether a certificate and its key are there, fit, and live long enough."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from ..errors import ContractError
from .plan import Plan

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "ActualCertificate",
    "ActualFiles",
    "Certificate",
    "CreateKey",
    "IssueCertificate",
    "plan",
]

Profile = Literal["server", "client"]
PROFILES = ("server", "client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A wanted certificate in a folder of its own.

    A server has ``names`` and ``addresses``; a client's ``common_name`` is a device's uuid or a
    program's name. It is renewed when fewer than ``renew_before_days`` of its ``days`` are left.
    """

    profile: Profile
    common_name: str
    folder: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    key_type: str = "p256"
    days: int = 397
    renew_before_days: int = 132

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ContractError("/profile", f"not one of {', '.join(PROFILES)}")
        if self.profile == "server" and not (self.names or self.addresses):
            raise ContractError("/names", "a server needs a name or an address")
        if self.profile != "server" and (self.names or self.addresses):
            raise ContractError("/names", "only a server has names and addresses")
        if not 0 <= self.renew_before_days < self.days <= 397:
            raise ContractError("/days", "at most 397, and more than renew_before_days")
        for index, address in enumerate(self.addresses):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise ContractError(f"/addresses/{index}", "not an IP address") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualCertificate:
    """The certificate that is there, and how it stands to its key and its authority."""

    profile: str
    common_name: str
    not_after: datetime
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    fits_key: bool = True
    from_authority: bool = True
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualFiles:
    """What the folder holds at the time of looking; the key itself is never shown."""

    now: datetime
    key: bool = False
    certificate: ActualCertificate | None = None


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make a private key in the folder, mode 0600."""

    folder: str
    key_type: str


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Have the certificate issued for the key that is there, and write it with its chain."""

    wanted: Certificate


def plan(actual: ActualFiles, desired: Certificate) -> Plan:
    """Make the key when it is missing, and the certificate when it doesn't serve any more."""
    steps: list[CreateKey | IssueCertificate] = []
    if not actual.key:
        steps.append(CreateKey(desired.folder, desired.key_type))
    if steps or reasons(actual, desired):
        steps.append(IssueCertificate(desired))
    before = _before(actual)
    after = before
    if steps:
        after = _wanted(desired, actual.now)
    return Plan(before=before, after=after, steps=tuple(steps))


def reasons(actual: ActualFiles, desired: Certificate) -> tuple[str, ...]:
    """Return why the certificate is to be issued; empty when it serves."""
    held = actual.certificate
    if held is None:
        return ("missing",)
    left = held.not_after - actual.now
    wanted = _wanted(desired, actual.now)
    found = {
        "other names": any(_words(held)[name] != wanted[name] for name in _words(held)),
        "another key": not held.fits_key,
        "another authority": not held.from_authority,
        "revoked": held.revoked,
        "near its end": left < timedelta(days=desired.renew_before_days),
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _words(held: ActualCertificate) -> dict[str, object]:
    return {
        "profile": held.profile,
        "common_name": held.common_name,
        "names": sorted(held.names),
        "addresses": sorted(held.addresses),
    }


def _before(actual: ActualFiles) -> dict[str, object]:
    held = actual.certificate
    if held is None:
        return {"key": True} if actual.key else {}
    return {
        **_words(held),
        "key": actual.key,
        "valid_until": f"{held.not_after:%Y-%m-%d}",
        "serves": held.fits_key and held.from_authority and not held.revoked,
    }


def _wanted(desired: Certificate, now: datetime) -> dict[str, object]:
    return {
        "profile": desired.profile,
        "common_name": desired.common_name,
        "names": sorted(desired.names),
        "addresses": sorted(str(ipaddress.ip_address(text)) for text in desired.addresses),
        "key": True,
        "valid_until": f"{now + timedelta(days=desired.days):%Y-%m-%d}",
        "serves": True,
    }
