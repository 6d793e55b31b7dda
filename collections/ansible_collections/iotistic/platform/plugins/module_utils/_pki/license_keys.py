"""LICENSE_KEYS_DIR: the keys that billing signs with, rolled over without a gap.

`<kid>.pem` (0600) for each private key and `state.json`: per purpose `next`, `current` and `last`,
the public keys that stay listed, and `seq`, which rises with every change of the set.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import KeyRefused, TokenRefused
from .files import exclusive, write_atomic
from .key_sets import KeySet, Purpose, VerificationKey, jwks, signed_jwks
from .keys import KeyKind, PrivateKey, new_key, private_pem, read_private, thumbprint

__all__ = ["KeyStore", "Slots"]

_KINDS = {Purpose.LICENSE: KeyKind.RSA_3072, Purpose.SERVICE: KeyKind.ED25519}


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
    slots: dict[Purpose, Slots] = field(default_factory=dict)
    listed: dict[str, VerificationKey] = field(default_factory=dict)

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


class KeyStore:
    """The store in `folder`; every change is one step on disk, and one process at a time."""

    def __init__(self, folder: Path, make_key: Callable[[KeyKind], PrivateKey] = new_key) -> None:
        self._folder = folder
        self._make_key = make_key
        self._loaded: dict[str, PrivateKey] = {}  # reading and checking an RSA key takes 90 ms

    def slots(self, purpose: Purpose) -> Slots | None:
        """Return the kids of that purpose, or None before `generate`."""
        return self._state().slots.get(purpose)

    def generate(self, purpose: Purpose, now: datetime) -> bool:
        """Make current and next where there are none; False when there are, and nothing changes."""
        with self._alone():
            state = self._state()
            if purpose in state.slots:
                return False
            current, following = self._made(purpose), self._made(purpose)
            slots = Slots(next=following.kid, current=current.kid, created_at=_text(now))
            self._store(_changed(state, purpose, slots, (current, following)))
            return True

    def rotate(self, purpose: Purpose, now: datetime, *, compromised: bool = False) -> Slots:
        """Make `next` current and a new key `next`; `current` becomes `last`.

        A compromised current key leaves set and signers at once and its file is erased; `last`
        then stays. KeyRefused before `generate`.
        """
        with self._alone():
            state = self._state()
            before = state.slots.get(purpose)
            if before is None:
                raise KeyRefused("key", f"there are no {purpose} keys yet: generate them first")
            following = self._made(purpose)
            slots = Slots(
                next=following.kid,
                current=before.next,
                last=before.last if compromised else before.current,
                created_at=_text(now),
            )
            changed = _changed(state, purpose, slots, (following,))
            if compromised:
                del changed.listed[before.current]
            self._store(changed)
            return slots

    def prune(self, named: Iterable[str]) -> bool:
        """Take off the list what is neither held nor among the kids `named` by unexpired licenses.

        Returns whether the set changed.
        """
        with self._alone():
            state = self._state()
            keep = set(named) | _held(state)
            listed = {kid: key for kid, key in state.listed.items() if kid in keep}
            if listed == state.listed:
                return False
            self._store(replace(state, seq=state.seq + 1, listed=listed))
            return True

    def signing_key(self, purpose: Purpose) -> PrivateKey:
        """Return the current private key; KeyRefused before `generate`."""
        slots = self.slots(purpose)
        if slots is None:
            raise KeyRefused("key", f"there are no {purpose} keys yet: generate them first")
        return self._private(slots.current)

    def key_set(self) -> KeySet:
        """Return all public keys that are listed, with the set's number."""
        state = self._state()
        return KeySet(keys=tuple(state.listed.values()), seq=state.seq)

    def signed_set(self, now: datetime) -> dict[str, Any]:
        """Return the set as general JSON, signed by current, next and last license key."""
        state = self._state()
        slots = state.slots.get(Purpose.LICENSE)
        signers = [self._private(kid) for kid in slots.held] if slots else []
        keys = KeySet(keys=tuple(state.listed.values()), seq=state.seq)
        return signed_jwks(keys, signers, int(now.timestamp()))

    def _alone(self) -> AbstractContextManager[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return exclusive(self._folder / "lock")

    def _made(self, purpose: Purpose) -> VerificationKey:
        private = self._make_key(_KINDS[purpose])
        key = VerificationKey(purpose=purpose, key=private.public_key())
        write_atomic(self._folder / f"{key.kid}.pem", private_pem(private), 0o600)
        return key

    def _private(self, kid: str) -> PrivateKey:
        key = self._loaded.get(kid)
        if key is None:
            key = read_private(self._folder / f"{kid}.pem")
            if thumbprint(key) != kid:
                raise KeyRefused("key", f"{kid}.pem holds another key than its name says")
            self._loaded[kid] = key
        return key

    def _state(self) -> State:
        path = self._folder / "state.json"
        try:
            return State.from_mapping(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return State()
        except (ValueError, KeyError, TypeError, TokenRefused):
            raise KeyRefused("key", f"{path} can't be read") from None

    def _store(self, state: State) -> None:
        """Write the state, then erase the private keys that it no longer holds."""
        text = json.dumps(state.to_mapping(), indent=2) + "\n"
        write_atomic(self._folder / "state.json", text.encode("ascii"), 0o600)
        held = _held(state)
        for path in self._folder.glob("*.pem"):
            if path.stem not in held:
                path.unlink()


def _changed(
    state: State, purpose: Purpose, slots: Slots, made: tuple[VerificationKey, ...]
) -> State:
    return State(
        seq=state.seq + 1,
        slots={**state.slots, purpose: slots},
        listed={**state.listed, **{key.kid: key for key in made}},
    )


def _held(state: State) -> set[str]:
    return {kid for slots in state.slots.values() for kid in slots.held}


def _text(now: datetime) -> str:
    return now.isoformat(timespec="seconds")
