"""What of the outbox goes to the cloud, and when: by the link's profile and its budget."""

import asyncio
import time
from collections.abc import Mapping

from iotistic_agent.adapters.cloud import Cloud
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import chance
from iotistic_agent.configuration import Configured
from iotistic_agent.courier import Courier
from iotistic_agent.delivery import CADENCES, Cadence
from iotistic_agent.loops.lanes import send_lanes
from iotistic_agent.signals import Bell
from iotistic_agent.spool import Copy, Spool
from iotistic_agent.traffic import Traffic, throttled
from iotistic_contract.lanes import EventType, Lane

__all__ = ["Uplink"]

ACCOUNT_SECONDS = 300.0


class Uplink:
    """The lanes of one device, whichever registration it has."""

    def __init__(
        self, *, store: Store, spool: Spool, traffic: Traffic, bell: Bell, configured: Configured
    ) -> None:
        self._store = store
        self._spool = spool
        self.traffic = traffic
        self._bell = bell
        self._configured = configured
        self._told: frozenset[Lane] = frozenset()

    def held(self) -> frozenset[Lane]:
        """Return the lanes that wait for the next month."""
        budget = self._configured().link_budget_mb
        return throttled(self.traffic.usage().total, None if budget is None else budget * 10**6)

    def cadence(self) -> Cadence:
        """Return how long lines of each lane may wait for each other."""
        return CADENCES[self._configured().link_profile]

    def copy_to(self, copy: Copy | None) -> None:
        """Give copies of events and metrics to ``copy`` from now on; metered links get none."""

        def unmetered(lane: Lane, line: Mapping[str, object]) -> None:
            if copy is not None and self._configured().link_profile != "metered":
                copy(lane, line)

        self._spool.copy = unmetered

    async def send(self, cloud: Cloud, uuid: str) -> None:
        """Send what waits until cancelled; Unauthorized when the key isn't taken."""
        await send_lanes(
            courier=Courier(cloud, uuid, self._store),
            waiting=self._store.outbox.waiting,
            held=self.held,
            cadence=self.cadence,
            bell=self._bell,
            now=time.monotonic,
            random=chance,
        )

    async def account(self) -> None:
        """Store the bytes that were counted, every five minutes and at the end."""
        try:
            while True:
                await asyncio.sleep(ACCOUNT_SECONDS)
                self.traffic.flush()
                self.tell_of_throttling()
        finally:
            self.traffic.flush()

    def tell_of_throttling(self) -> None:
        """Tell when other lanes wait than before."""
        held = self.held()
        if held != self._told:
            self._told = held
            self._spool.tell(EventType.LANES_THROTTLED, lanes=sorted(held))

    def view(self) -> dict[str, object]:
        """Return the link and the outbox as the local API shows them; sizes in bytes."""
        configured, usage = self._configured(), self.traffic.usage()
        budget = configured.link_budget_mb
        return {
            "link": {
                "profile": configured.link_profile,
                "month": usage.month,
                "usedBytes": usage.total,
                "budgetBytes": None if budget is None else budget * 10**6,
                "lanes": {
                    lane: {"sentBytes": sent, "receivedBytes": received}
                    for lane, (sent, received) in sorted(usage.lanes.items())
                },
                "throttled": sorted(self.held()),
            },
            "outbox": {
                "waiting": {str(lane): n for lane, n in self._store.outbox.waiting().items()},
                "dropped": self._store.outbox.lost("dropped"),
                "refused": self._store.outbox.lost("refused"),
            },
        }

    def numbers(self) -> dict[str, int]:
        """Return what metrics tell of the outbox: lines that wait, and that never arrived."""
        outbox = self._store.outbox
        lost = (*outbox.lost("dropped").values(), *outbox.lost("refused").values())
        return {"outbox_waiting": sum(outbox.waiting().values()), "outbox_lost": sum(lost)}
