"""What every loop runs in."""

import asyncio
from collections.abc import Awaitable, Callable

from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import AgentFault, Restart
from iotistic_agent.logs import Component, log

__all__ = ["LoopEnded", "begin", "guarded"]


class LoopEnded(AgentFault):
    """A loop returned, which is a fault: the agent stops and is started anew."""


async def guarded(
    name: str, loop: Callable[[], Awaitable[None]], random: Callable[[], float]
) -> None:
    """Run a loop for ever; a defect in it is logged and, after a while, it begins again.

    So that one document that breaks a loop doesn't stop the loop that would bring a better one.
    Faults that the agent raises on purpose pass through, and so does a restart that a loop inside
    of this one asks for.
    """
    backoff = CLOUD
    while True:
        try:
            await loop()
        except AgentFault:
            raise
        except Exception as exc:
            if isinstance(exc, ExceptionGroup) and exc.subgroup(Restart) is not None:
                raise
            backoff = backoff.failed()
            log(Component.AGENT).exception("loop_failed", extra={"loop": name})
            await asyncio.sleep(backoff.wait(random))
        else:
            raise LoopEnded(f"the loop {name} ended")


def begin(
    group: asyncio.TaskGroup,
    random: Callable[[], float],
    name: str,
    loop: Callable[[], Awaitable[None]],
) -> None:
    """Run ``loop`` guarded in ``group``; the task bears its name."""
    group.create_task(guarded(name, loop, random), name=name)
