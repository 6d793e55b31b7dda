# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""LICENSE_KEYS_DIR: the keys that billing signs with, rolled over without a gap.

`<kid>.pem` (0600) for each private key and `state.json`: per purpose `next`, `current` and `last`,
the public keys that stay listed, and `seq`, which rises with every change of the set.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import KeyRefused, TokenRefused
from .files import exclusive, write_atomic
from .key_sets import KeySet, signed_jwks
from .keys import KeyKind, PrivateKey, new_key, private_pem, read_private, thumbprint
from .license_key_state import Slots, State
from .verification_keys import Purpose, VerificationKey

__all__ = ["KeyStore", "Slots"]

_KINDS = {Purpose.LICENSE: KeyKind.RSA_3072, Purpose.SERVICE: KeyKind.ED25519}


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
            self._store(state.changed(purpose, slots, (current, following)))
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
            leaves = before.current if compromised else ""
            self._store(state.changed(purpose, slots, (following,), leaves))
            return slots

    def prune(self, named: Iterable[str]) -> bool:
        """Take off the list what is neither held nor among the kids `named` by unexpired licenses.

        Returns whether the set changed.
        """
        with self._alone():
            state = self._state()
            keep = state.held | set(named)
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
        return self._state().key_set

    def signed_set(self, now: datetime) -> dict[str, Any]:
        """Return the set as general JSON, signed by current, next and last license key."""
        state = self._state()
        slots = state.slots.get(Purpose.LICENSE)
        signers = [self._private(kid) for kid in slots.held] if slots else []
        return signed_jwks(state.key_set, signers, int(now.timestamp()))

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
        """Write the state, then erase keys that it doesn't hold and what killed writes left."""
        text = json.dumps(state.to_mapping(), indent=2) + "\n"
        write_atomic(self._folder / "state.json", text.encode("ascii"), 0o600)
        for path in self._folder.iterdir():
            unheld = path.suffix == ".pem" and path.stem not in state.held
            if unheld or path.name.startswith("."):
                path.unlink()


def _text(now: datetime) -> str:
    return now.isoformat(timespec="seconds")
