"""Renews what the registration gave, a step at a time."""

from collections.abc import Callable

from iotistic_agent.backoff import Backoff
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized
from iotistic_agent.logs import Component, log
from iotistic_agent.renewal.planning import Step, next_due, next_step
from iotistic_agent.renewal.work import Renewal
from iotistic_agent.signals import Bell
from iotistic_contract.errors import ContractError

__all__ = ["LONGEST_NAP", "renew"]

LONGEST_NAP = 3600.0
_AGAIN = Backoff(first=5.0, most=3600.0)


async def renew(
    renewal: Renewal, bell: Bell, random: Callable[[], float], monotonic: Callable[[], float]
) -> None:
    """Do what is due, first things first, until the session has to begin anew (Renewed).

    Woken by ``bell`` (the cloud named other credentials), when something is due, and once an hour.
    What fails waits, longer each time; the rest goes on meanwhile. Unauthorized ends it.
    """
    waits: dict[str, tuple[Backoff, float]] = {}
    while True:
        now, standing = monotonic(), renewal.look()
        waiting = {name: until - now for name, (_, until) in waits.items() if until > now}
        step = next_step(standing, frozenset(waiting))
        if step is None:
            due = (next_due(standing) - standing.now).total_seconds()
            naps = [LONGEST_NAP, *waiting.values(), *([due] if due > 0 else [])]
            await bell.wait(min(naps))
            continue
        try:
            await renewal.carry_out(step)
        except (CloudUnavailable, Refused, ContractError) as exc:
            if isinstance(exc, Unauthorized) and exc.code == "unauthorized":
                raise
            backoff = waits[step.subject][0] if step.subject in waits else _AGAIN
            waits[step.subject] = _later(step, backoff.failed(), exc, random, now)
        else:
            waits.pop(step.subject, None)


def _later(
    step: Step, backoff: Backoff, exc: Exception, random: Callable[[], float], now: float
) -> tuple[Backoff, float]:
    wait = max(backoff.wait(random), getattr(exc, "wait", None) or 0.0)
    facts = {"step": str(step), "reason": str(exc), "next_in": round(wait, 1)}
    log(Component.PROVISIONING).warning("renewal_waits", extra=facts)
    return backoff, now + wait
