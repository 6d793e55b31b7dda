"""Which provisioning string the device has, and how far its registration is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_agent.faults import StoreFault
from iotistic_agent.settings import Settings
from iotistic_agent.signals import Bell
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import ProvisioningString
from iotistic_pki.files import write_atomic

__all__ = ["Enrolment", "Progress", "Told"]


_SEALED_AS = "provisioning"


class Progress(StrEnum):
    """How far the device is with its registration."""

    WAITING_FOR_KEY = "waiting_for_key"
    REGISTERING = "registering"
    RETRYING = "retrying"
    REFUSED = "refused"
    REGISTERED = "registered"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody told the device to register with."""

    string: ProvisioningString = field(repr=False)
    name: str | None = None
    type: str | None = None


class Enrolment:
    """Takes a string from the settings, or from a person while the agent runs.

    A person's is kept in ``folder`` (0600, sealed). Until the device is registered it comes before
    that of the settings in whose place it was given; one that came into the settings later is the
    newer. From the registration on, that of the settings comes first. After ``forget`` that of the
    settings counts no more, until there is another one.
    """

    def __init__(self, settings: Settings, folder: Path, *, registered: bool) -> None:
        self._file = folder / "provisioning.json"
        self._sealer = Sealer(folder / "keys" / "state-key")
        given = None if settings.provisioning is None else Told(string=settings.provisioning)
        self._given = _digest(given)
        found = self._read()
        kept, instead_of = (None, None) if found is None else found
        newer = given is not None and self._given != instead_of
        told = kept if found is not None else given
        self.told = (given or kept) if registered or newer else told
        self.progress = Progress.REGISTERED if registered else Progress.WAITING_FOR_KEY
        self.reason: str | None = None
        self.next_in: float | None = None
        self._bell = Bell()

    def take(self, told: Told) -> None:
        """Keep ``told`` durably and register with it now."""
        sealed = self._sealer.seal(str(told.string), _SEALED_AS)
        self._keep({"string": sealed, "name": told.name, "type": told.type})
        self.told = told
        self.show(Progress.REGISTERING)
        self._bell.ring()

    def forget(self) -> None:
        """Know no string any more, for good: neither a person's, nor that of the settings."""
        self._keep({"string": None})
        self.told = None

    def show(
        self, progress: Progress, reason: str | None = None, next_in: float | None = None
    ) -> None:
        """Note how far it is; ``next_in`` are the seconds to the next try."""
        self.progress, self.reason, self.next_in = progress, reason, next_in

    async def another(self, seconds: float | None) -> bool:
        """Wait until somebody gives another string (True), at most ``seconds``."""
        return await self._bell.wait(seconds)

    def _keep(self, body: dict[str, str | None]) -> None:
        content = json.dumps({**body, "insteadOf": self._given})
        write_atomic(self._file, content.encode("ascii"), 0o600)

    def _read(self) -> tuple[Told | None, str | None] | None:
        """Return what a person told, and the digest of what the settings had then.

        None when nobody did, or what was told doesn't open.
        """
        body = _object_in(self._file)
        if body is None:
            return None
        stored, instead_of = body.get("string"), body.get("insteadOf")
        if stored is None:
            return None, instead_of
        opened = self._sealer.open(str(stored), _SEALED_AS)
        if opened is None:
            return None
        try:
            string = ProvisioningString.parse(opened)
        except ContractError as exc:
            raise StoreFault(f"{self._file}: {exc}") from None
        return Told(string=string, name=body.get("name"), type=body.get("type")), instead_of


def _object_in(path: Path) -> Mapping[str, Any] | None:
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise StoreFault(f"can't read {path}: {type(exc).__name__}") from None
    if not isinstance(body, Mapping):
        raise StoreFault(f"can't read {path}: not an object")
    return body


def _digest(told: Told | None) -> str | None:
    return None if told is None else hashlib.sha256(str(told.string).encode()).hexdigest()
