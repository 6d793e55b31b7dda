"""Whether a person can do something here now, and why not in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iotistic_contract.license import READING_ONLY

__all__ = ["Denial", "denial"]

_ENDED = {
    "restricted": "Until the license is paid",
    "expired": "Until the expired license is renewed",
    "revoked": "Until the revoked license is replaced",
    "missing": "Until there is a license",
}


@dataclass(frozen=True, slots=True)
class Denial:
    """What the API would answer: 402 because of the license, 403 because of the role."""

    status: int
    words: str


def denial(person: Mapping[str, Any], *scopes: str, closing: bool = False) -> Denial | None:
    """Return why the API would refuse a write that takes one of ``scopes``; None if it wouldn't.

    ``person`` is the user with ``licenseState``. A license that has ended keeps nobody from
    ``closing``: from taking somebody's or something's access away.
    """
    if not set(scopes) & set(person.get("scopes", ())):
        role = person.get("role") or "unknown"
        return Denial(403, f"Your role, {role}, can look at this and not change it.")
    state = str(person.get("licenseState") or "")
    if state in READING_ONLY and not closing:
        return Denial(402, f"{_ENDED.get(state, 'For now')} this can be read and not changed.")
    return None
