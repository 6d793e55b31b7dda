"""Observe, plan, do the first step, observe again."""

from collections.abc import Callable

from iotistic_agent.logs import Component, log
from iotistic_agent.retries import Retries
from iotistic_agent.signals import Bell, Board, Situation
from iotistic_agent.workshop import Workshop
from iotistic_contract.planning.containers import Step, is_as_wanted, plan

__all__ = ["AFTER_A_FAULT", "reconcile"]

AFTER_A_FAULT = 2.0


async def reconcile(
    workshop: Workshop, retries: Retries, bell: Bell, board: Board, interval: Callable[[], float]
) -> None:
    """Keep the containers as the stored target says.

    Woken by ``bell`` (a target came, the engine told something), by the next try of what failed,
    and every ``interval()`` seconds.
    """
    while True:
        situation = await workshop.look()
        steps = _steps(situation)
        if not steps and applied(situation):
            situation = workshop.committed(situation)
        board.post(situation)
        if steps and situation.target is not None:
            await workshop.carry_out(steps[0], situation.target, situation.world)
            continue
        if situation.engine_fault is not None:
            log(Component.RECONCILER).error(
                "engine_unavailable", extra={"reason": situation.engine_fault}
            )
            await bell.wait(AFTER_A_FAULT)
            continue
        await bell.wait(min(interval(), retries.next_in() or interval()))


def applied(situation: Situation) -> bool:
    """Tell whether each service that isn't refused is as wanted."""
    if situation.target is None or situation.engine_fault is not None:
        return False
    return all(is_as_wanted(situation.world, each) for each in situation.target.containers)


def _steps(situation: Situation) -> tuple[Step, ...]:
    if situation.target is None or situation.engine_fault is not None:
        return ()
    return plan(situation.world, situation.target).steps
