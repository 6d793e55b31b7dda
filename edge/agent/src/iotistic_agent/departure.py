"""Whether the device is to leave its tenant, kept on disk until that is done."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from iotistic_agent.faults import StoreFault
from iotistic_agent.signals import Bell
from iotistic_pki.files import sync_folder, write_atomic

__all__ = ["MARKER", "Departure", "Departures", "Leave"]

MARKER = "departure.json"


class Leave(StrEnum):
    """How: the registration alone is forgotten, or everything is erased."""

    DEPROVISION = "deprovision"
    FACTORY_RESET = "factory_reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What was asked for, of which device, and how far it is.

    ``images`` are those to be removed, None before they were looked up.
    """

    leave: Leave
    uuid: str
    released: bool = False
    images: tuple[str, ...] | None = None


class Departures:
    """The marker in the folder of state; ``asked`` rings when somebody asks to leave."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / MARKER
        self.asked = Bell()

    def begin(self, leave: Leave, uuid: str) -> None:
        """Store that the device is to leave; a reset that was begun stays one."""
        held = self.current()
        if held is None or held.leave is Leave.DEPROVISION:
            self.keep(Departure(leave=leave, uuid=uuid))
        self.asked.ring()

    def current(self) -> Departure | None:
        """Return what was begun and isn't done; StoreFault when that can't be read."""
        try:
            stored = json.loads(self._file.read_bytes())
            images = stored["images"]
            return Departure(
                leave=Leave(stored["leave"]),
                uuid=str(stored["uuid"]),
                released=bool(stored["released"]),
                images=None if images is None else tuple(images),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise StoreFault(f"can't read {self._file}: {type(exc).__name__}") from None

    def keep(self, departure: Departure) -> None:
        """Store how far it is."""
        write_atomic(self._file, json.dumps(asdict(departure)).encode("ascii"), 0o600)

    def done(self) -> None:
        """Forget it: all is done."""
        self._file.unlink(missing_ok=True)
        sync_folder(self._file.parent)
