"""Where the agent's parts put lines for the cloud."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from iotistic_agent.adapters.store.outbox import Outbox
from iotistic_agent.logs import Component, log
from iotistic_agent.outgoing import OutgoingLine
from iotistic_agent.signals import Bell
from iotistic_contract.codec import format_time
from iotistic_contract.lanes import EventType, Lane

__all__ = ["Copy", "Spool"]

_TOLD_AGAIN_AFTER = timedelta(hours=1)
Copy = Callable[[Lane, Mapping[str, object]], None]


class Spool:
    """Stores lines, counts what the disk doesn't take, and rings for who sends them.

    ``copy`` is given events and metrics as they come about, whatever way they go.
    """

    def __init__(
        self,
        outbox: Outbox,
        bell: Bell,
        now: Callable[[], datetime],
        new_stream: Callable[[], str],
    ) -> None:
        self._outbox = outbox
        self._bell = bell
        self._now = now
        self._new_stream = new_stream
        self._unwritten: dict[Lane, int] = {}
        self._is_writable = True
        self._told_at: datetime | None = None
        self.copy: Copy = lambda _lane, _line: None

    def tell(self, type_: EventType, /, **data: object) -> None:
        """Store an event of now; it is sent at once."""
        body = {"type": str(type_), **({"data": data} if data else {})}
        self._add(Lane.EVENTS, body)

    def sampled(self, at: datetime, metrics: Mapping[str, object]) -> None:
        """Give a fresh sample to subscribers; a report or ``measured`` takes it to the cloud."""
        self.copy(Lane.METRICS, {"at": format_time(at), "metrics": dict(metrics)})

    def measured(self, at: datetime, metrics: Mapping[str, object]) -> None:
        """Store metrics that no report carried."""
        self.put(Lane.METRICS, [OutgoingLine(at=format_time(at), body={"metrics": dict(metrics)})])

    def put(
        self,
        lane: Lane,
        lines: Sequence[OutgoingLine],
        cursors: Mapping[str, str] | None = None,
    ) -> bool:
        """Store lines, and how far logs were read; False when the disk takes nothing."""
        try:
            dropped = self._outbox.add(lane, lines, self._new_stream, cursors)
            for other in tuple(self._unwritten):
                self._outbox.count_dropped(other, self._unwritten[other])
                del self._unwritten[other]
        except sqlite3.Error as exc:
            if self._is_writable:
                log(Component.SYNC).error("outbox_unwritable", extra={"reason": str(exc)})
            self._is_writable = False
            return False
        self._is_writable = True
        self._bell.ring()
        if dropped:
            self._tell_of_dropping(dropped)
        return True

    def lost(self, lane: Lane, count: int) -> None:
        """Count lines that were given up before they could be stored."""
        self._unwritten[lane] = self._unwritten.get(lane, 0) + count

    def _add(self, lane: Lane, body: Mapping[str, object]) -> None:
        line = OutgoingLine(at=format_time(self._now()), body=body)
        if not self.put(lane, [line]):
            self.lost(lane, 1)
        self.copy(lane, {"at": line.at, **body})

    def _tell_of_dropping(self, dropped: int) -> None:
        now = self._now()
        if self._told_at is None or not timedelta(0) <= now - self._told_at < _TOLD_AGAIN_AFTER:
            self._told_at = now
            log(Component.SYNC).warning("outbox_full", extra={"dropped": dropped})
            self.tell(EventType.LINES_DROPPED, dropped=self._outbox.lost("dropped"))
