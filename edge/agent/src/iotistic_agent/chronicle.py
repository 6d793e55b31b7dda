"""Tells the cloud what happens: situations and the link, as they become other."""

from iotistic_agent.happenings import happenings
from iotistic_agent.link import Link
from iotistic_agent.signals import Board, Situation
from iotistic_agent.spool import Spool
from iotistic_contract.lanes import EventType

__all__ = ["Chronicle"]

_OF_LINK = {
    "online": EventType.CONNECTION_ONLINE,
    "degraded": EventType.CONNECTION_DEGRADED,
    "offline": EventType.CONNECTION_OFFLINE,
}


class Chronicle:
    """Stores an event for each change that board and link show, from now on."""

    def __init__(self, spool: Spool, board: Board, link: Link) -> None:
        self._spool = spool
        self._board = board
        self._before: Situation | None = board.situation
        board.tell(self._looked)
        link.tell(self._linked)

    def _looked(self) -> None:
        before, now = self._before, self._board.situation
        self._before = now
        if before is not None and now is not None:
            for type_, facts in happenings(before, now):
                self._spool.tell(type_, **facts)

    def _linked(self, state: str, why: str | None) -> None:
        self._spool.tell(_OF_LINK[state], **({} if why is None else {"reason": why[:500]}))
