# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""`state.json` of LICENSE_KEYS_DIR: which key is next, current and last, and which stay listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .key_sets import KeySet, jwks
from .verification_keys import Purpose, VerificationKey

__all__ = ["Slots", "State"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The kids of one purpose: `next` is announced, `current` signs, `last` signs sets only."""

    next: str
    current: str
    last: str | None = None
    created_at: str

    @property
    def held(self) -> tuple[str, ...]:
        """All of them, current first."""
        return tuple(kid for kid in (self.current, self.next, self.last) if kid is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `state.json` says."""

    seq: int = 0
    slots: Mapping[Purpose, Slots] = field(default_factory=dict)
    listed: Mapping[str, VerificationKey] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """Return the JSON to store."""
        slots = {
            purpose.value: {
                "next": each.next,
                "current": each.current,
                "last": each.last,
                "createdAt": each.created_at,
            }
            for purpose, each in self.slots.items()
        }
        return {"schema": 1, "seq": self.seq, **slots, "listed": jwks(self.listed.values())["keys"]}

    @classmethod
    def from_mapping(cls, stored: dict[str, Any]) -> "State":
        """Read `state.json`."""
        listed = (VerificationKey.from_jwk(member) for member in stored["listed"])
        slots = {
            purpose: Slots(
                next=stored[purpose]["next"],
                current=stored[purpose]["current"],
                last=stored[purpose]["last"],
                created_at=stored[purpose]["createdAt"],
            )
            for purpose in Purpose
            if purpose in stored
        }
        return cls(seq=stored["seq"], slots=slots, listed={key.kid: key for key in listed})

    @property
    def held(self) -> set[str]:
        """The kids of all private keys that are still needed."""
        return {kid for slots in self.slots.values() for kid in slots.held}

    @property
    def key_set(self) -> KeySet:
        """The public keys that are listed, with the set's number."""
        return KeySet(keys=tuple(self.listed.values()), seq=self.seq)

    def changed(
        self, purpose: Purpose, slots: Slots, made: Sequence[VerificationKey], leaves: str = ""
    ) -> "State":
        """Return the next state: other slots for `purpose`, keys `made`, and one that `leaves`."""
        listed = {kid: key for kid, key in self.listed.items() if kid != leaves}
        return State(
            seq=self.seq + 1,
            slots={**self.slots, purpose: slots},
            listed={**listed, **{key.kid: key for key in made}},
        )
