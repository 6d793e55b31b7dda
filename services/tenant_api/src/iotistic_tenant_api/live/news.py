"""What other workers committed, as it reaches this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iotistic_kit.db import Listener
from iotistic_kit.health import UnhealthyError
from iotistic_tenant_api.live.licensing import SUBJECT as LICENSE
from iotistic_tenant_api.storage.connection import (
    DEVICE_CHANGED,
    FLEET_CHANGED,
    LICENSE_CHANGED,
    TARGET_CHANGED,
    USER_CHANGED,
)
from iotistic_tenant_api.storage.events import read_notice

if TYPE_CHECKING:
    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.live.fleet import FleetNews
    from iotistic_tenant_api.live.held import Held, Listening
    from iotistic_tenant_api.security.billing import Installed
    from iotistic_tenant_api.storage.sessions import LiveSession

__all__ = ["News"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Drops from memory what was changed, and everything while nobody listens."""

    listening: Listening
    keys: Held[DeviceKey]
    etags: Held[str]
    license: Held[Installed]
    sessions: Held[LiveSession]
    fleet: FleetNews

    def listener(self, conninfo: str) -> Listener:
        """Return the listener on a connection of its own."""
        channels = (DEVICE_CHANGED, TARGET_CHANGED, LICENSE_CHANGED, USER_CHANGED, FLEET_CHANGED)
        return Listener(conninfo, channels, self.heard, on_lost=self.lost, on_ready=self.ready)

    async def heard(self, channel: str, payload: str) -> None:
        """Drop what is held of the subjects in `payload`; tell onlookers of the fleet."""
        if channel == FLEET_CHANGED:
            self.fleet.publish(read_notice(payload))
            return
        subjects = payload.split()
        if channel == LICENSE_CHANGED:
            self.license.forget([LICENSE])
        elif channel == USER_CHANGED:
            self.sessions.forget(subjects)
            self.fleet.recheck()
        else:
            self.etags.forget(subjects)
        if channel == DEVICE_CHANGED:
            self.keys.forget(subjects)

    async def lost(self) -> None:
        """Trust nothing in memory until somebody listens again."""
        self.listening.now = False
        self._forget_all()

    async def ready(self) -> None:
        """Begin anew: what changed before may have been missed."""
        self._forget_all()
        self.listening.now = True

    async def check(self) -> None:
        """Raise when commits of other workers don't reach this one."""
        if not self.listening.now:
            raise UnhealthyError("not listening for changes")

    def _forget_all(self) -> None:
        helds: tuple[Held[Any], ...] = (self.keys, self.etags, self.license, self.sessions)
        for held in helds:
            held.forget_all()
        self.fleet.lost()
