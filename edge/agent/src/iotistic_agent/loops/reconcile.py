"""Observe, plan, do the first step, observe again."""

from collections.abc import Callable

from iotistic_agent.logs import Component, log
from iotistic_agent.retries import Retries
from iotistic_agent.signals import Bell, Board, Situation
from iotistic_agent.workshop import Workshop
from iotistic_contract.planning.containers import Step, plan
from iotistic_contract.planning.release import Wait

__all__ = ["AFTER_A_FAULT", "reconcile"]

AFTER_A_FAULT = 2.0
_SHORTEST_WAIT = 0.05


async def reconcile(
    workshop: Workshop, retries: Retries, bell: Bell, board: Board, interval: Callable[[], float]
) -> None:
    """Keep the containers as the stored target says.

    Woken by ``bell`` (a target came, the engine told something), by the next try of what failed,
    by the end of a candidate's trial, and every ``interval()`` seconds.
    """
    while True:
        situation = await workshop.look()
        board.post(situation)
        verdict = situation.verdict
        if not isinstance(verdict, Wait):
            workshop.settle(situation, verdict)
            continue
        steps = _steps(situation)
        if steps and situation.choice is not None:
            await workshop.carry_out(steps[0], situation.choice, situation.world)
            continue
        if situation.engine_fault is not None:
            log(Component.RECONCILER).error(
                "engine_unavailable", extra={"reason": situation.engine_fault}
            )
            await bell.wait(AFTER_A_FAULT)
            continue
        await bell.wait(_soonest(interval(), retries.next_in(), verdict.seconds))


def _soonest(interval: float, *others: float | None) -> float:
    """Return the shortest wait, and never so short that looking would be all there is."""
    said = [each for each in others if each is not None]
    return max(_SHORTEST_WAIT, min([interval, *said]))


def _steps(situation: Situation) -> tuple[Step, ...]:
    if situation.target is None or situation.engine_fault is not None:
        return ()
    return plan(situation.world, situation.target).steps
