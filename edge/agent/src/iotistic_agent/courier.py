"""Sends one batch of a lane, and settles what the cloud says about it."""

from iotistic_agent.adapters.cloud import Cloud
from iotistic_agent.adapters.store import Store
from iotistic_agent.delivery import Fate, verdict
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized
from iotistic_agent.logs import Component, log
from iotistic_agent.outgoing import Waiting
from iotistic_agent.threads import in_thread
from iotistic_contract.lanes import MAX_LINES, NDJSON, Lane

__all__ = ["Courier"]

MOST_BYTES = 256 * 1024


class Courier:
    """Takes lines of one device to its cloud, in the order of their lane."""

    def __init__(self, cloud: Cloud, uuid: str, store: Store) -> None:
        self._cloud = cloud
        self._path = f"/api/v1/device/{uuid}"
        self._store = store
        self._most: dict[Lane, int] = {}

    async def send(self, lane: Lane) -> bool:
        """Send a batch; tell whether that was all that waited in the lane.

        Acknowledged lines are removed, refused ones set aside. CloudUnavailable when they must
        stay, also after a refusal of the whole batch: there is no hurry to have the next refused.
        """
        most = self._most.get(lane, MAX_LINES)
        lines = self._store.outbox.batch(lane, most, MOST_BYTES)
        if not lines:
            return True
        is_last = self._store.outbox.waiting().get(lane, 0) <= len(lines)
        content = "\n".join(line.text for line in lines).encode("ascii") + b"\n"
        path = f"{self._path}/{lane}"
        try:
            await in_thread(self._cloud.send, path, content, NDJSON, lane)
        except Unauthorized:
            raise
        except Refused as exc:
            self._refused(lane, lines, exc)
            return False
        self._store.outbox.remove(lines)
        self._most[lane] = min(MAX_LINES, most * 2)
        return is_last

    def _refused(self, lane: Lane, lines: list[Waiting], refusal: Refused) -> None:
        fate, index = verdict(refusal.status, refusal.pointer, len(lines))
        if fate is Fate.HALVED:
            self._most[lane] = len(lines) // 2
            return
        gone = [lines[index]] if fate is Fate.ONE_ASIDE else lines
        self._store.outbox.set_aside(lane, gone, refusal.status, str(refusal))
        facts = {"lane": str(lane), "lines": len(gone), "reason": str(refusal)}
        log(Component.SYNC).error("lines_refused", extra=facts)
        if len(gone) == len(lines) > 1:
            raise CloudUnavailable(f"{lane}: {refusal}")
