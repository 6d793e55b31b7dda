"""The license in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iotistic_dashboard.domain.marks import Mark

__all__ = ["LimitRow", "license_notice", "limits_of", "state_of"]

_STATES = {
    "valid": Mark("ok", "check", "Valid"),
    "expiring": Mark("warn", "clock", "Ends soon"),
    "grace": Mark("warn", "alert", "Payment is due; everything still works"),
    "restricted": Mark("bad", "alert", "Reading only until it is paid; devices keep working"),
    "expired": Mark("bad", "alert", "Expired"),
    "revoked": Mark("bad", "offline", "Revoked"),
    "missing": Mark("bad", "unknown", "There is none"),
}
_LIMITS = {
    "maxDevices": "Devices",
    "maxUsers": "Users",
    "maxJobTemplates": "Job templates",
    "maxAlertRules": "Alert rules",
}


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit: ``most`` is None when there is none, ``used`` None when it isn't counted."""

    name: str
    used: int | None
    most: int | None

    @property
    def tone(self) -> str:
        """How near it is: accent, warn from 80 %, bad when it is reached."""
        if not self.most or self.used is None:
            return "accent"
        share = self.used / self.most
        return "bad" if share >= 1 else "warn" if share >= 0.8 else "accent"


def state_of(state: str) -> Mark:
    """Return how the license's state is shown."""
    return _STATES.get(state, Mark("calm", "unknown", state.capitalize()))


def limits_of(found: Mapping[str, Any]) -> list[LimitRow]:
    """Return the limits of the API's answer with what is used of them."""
    limits = (found.get("license") or {}).get("limits") or {}
    usage = found.get("usage") or {}
    return [
        LimitRow(_LIMITS.get(name, name), usage.get(name), limits.get(name))
        for name in [*_LIMITS, *(set(limits) - set(_LIMITS))]
        if name in limits or name in usage
    ]


def license_notice(state: str) -> tuple[str, str] | None:
    """Return tone and words for every page when the license needs a person, else None."""
    if state in {"", "valid"}:
        return None
    mark = state_of(state)
    return mark.tone, f"License: {mark.word[0].lower()}{mark.word[1:]}."
