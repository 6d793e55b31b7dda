"""Takes what waits in the outbox to the cloud."""

import asyncio
from collections.abc import Callable, Set

from iotistic_agent.backoff import CLOUD
from iotistic_agent.courier import Courier
from iotistic_agent.delivery import Cadence, Turns
from iotistic_agent.faults import CloudUnavailable
from iotistic_agent.logs import Component, log
from iotistic_agent.signals import Bell
from iotistic_contract.lanes import Lane

__all__ = ["LOOK_AGAIN", "send_lanes"]

LOOK_AGAIN = 60.0


async def send_lanes(  # noqa: PLR0913 -- what it uses
    *,
    courier: Courier,
    waiting: Callable[[], dict[Lane, int]],
    held: Callable[[], Set[Lane]],
    cadence: Callable[[], Cadence],
    bell: Bell,
    now: Callable[[], float],
    random: Callable[[], float],
) -> None:
    """Send each lane at its turn; ``bell`` rings when there are new lines.

    What can't be sent stays, with back-off. Unauthorized ends it.
    """
    backoff, turns = CLOUD, Turns()
    while True:
        situation = (waiting(), held(), cadence(), now())
        lane = turns.next(*situation)
        if lane is None:
            wait = turns.wait(*situation)
            await bell.wait(LOOK_AGAIN if wait is None else min(wait, LOOK_AGAIN))
            continue
        try:
            if await courier.send(lane):
                turns = turns.done(lane, now())
        except CloudUnavailable as exc:
            backoff = backoff.failed()
            seconds = max(backoff.wait(random), exc.wait or 0.0)
            facts = {"lane": str(lane), "reason": str(exc), "next_in": round(seconds, 1)}
            log(Component.SYNC).warning("lane_waits", extra=facts)
            await asyncio.sleep(seconds)
        else:
            backoff = backoff.reset()
