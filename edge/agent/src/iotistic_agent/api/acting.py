"""Routes by which people start, stop and restart; the reconcile loop does it.

They keep what is asked for and wake the loop: whatever cuts in between, it is done later, or a
newer target has made it void.
"""

from collections.abc import Sequence
from datetime import timedelta

from iotistic_agent.api import views
from iotistic_agent.api.bodies import OWNER, REASON, Body, number
from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_agent.faults import NotPossible
from iotistic_agent.logs import Component, log
from iotistic_agent.operating import Asked, meaning_of, steps_with
from iotistic_agent.signals import Situation
from iotistic_contract.planning.containers import WantedContainer
from iotistic_contract.planning.local_overrides import live
from iotistic_contract.problems import Code

__all__ = ["ONCE", "STATE", "act_on_app", "act_on_service"]

LONGEST_S = 366 * 86_400
SOMEBODY = "local-api"
ONCE = Body({"owner": OWNER, "reason": REASON})
STATE = Body({**ONCE.members, "ttlSeconds": number("for how long; else no end", 1, LONGEST_S)})


async def act_on_service(
    inside: Inside, request: Request, body: Body, action: str, service_id: str
) -> Answer:
    """Ask for something of one service; 202 with the steps to come."""
    situation = _situation(inside)
    services = [each for each in situation.services if each.service_id == service_id]
    if not services:
        refused = situation.target.refused if situation.target else ()
        if any(each.service_id == service_id for each in refused):
            raise Problem(Code.CONFLICT, f"the service {service_id!r} is refused on this device")
        raise Problem(Code.NOT_FOUND, f"no service {service_id!r} in the target")
    return _acted(inside, _asked(inside, request, body, action), situation, services)


async def act_on_app(
    inside: Inside, request: Request, body: Body, action: str, app_id: str
) -> Answer:
    """Ask for something of all services of an app."""
    situation = _situation(inside)
    services = [each for each in situation.services if each.app_id == app_id]
    if not services:
        raise Problem(Code.NOT_FOUND, f"no app {app_id!r} with a service in the target")
    return _acted(inside, _asked(inside, request, body, action), situation, services)


def _situation(inside: Inside) -> Situation:
    situation = inside.board.situation
    if situation is None:
        raise Problem(Code.UNAVAILABLE, "the agent has just started: it hasn't looked yet")
    return situation


def _asked(inside: Inside, request: Request, body: Body, action: str) -> Asked:
    given = body.read(request.body)
    seconds = given.get("ttlSeconds")
    return Asked(
        action=action,
        owner=given.get("owner", SOMEBODY),
        reason=given.get("reason", "asked for at the device"),
        until=None if seconds is None else inside.now() + timedelta(seconds=seconds),
    )


def _acted(
    inside: Inside, asked: Asked, situation: Situation, services: Sequence[WantedContainer]
) -> Answer:
    try:
        meaning = meaning_of(asked, situation, services)
    except NotPossible as exc:
        raise Problem(Code.CONFLICT, str(exc)) from None
    store, now = inside.store.local_overrides, inside.now()
    store.keep(meaning.actions, meaning.given_back)
    inside.bells.reconcile.ring()
    ids = [each.service_id for each in services]
    facts = {"action": asked.action, "services": ids, "owner": asked.owner}
    log(Component.LOCAL_API).info("asked", extra=facts | {"reason": asked.reason})
    actions = store.all()
    own = situation.choice.own if situation.choice else None
    holding = {} if own is None else live(actions.overrides, own, now)
    states = {each.service_id: each.state for each in own.containers} if own else {}
    return Answer(
        {
            "action": asked.action,
            "services": [views.asked(each, states[each], holding.get(each)) for each in ids],
            "steps": [views.step(each) for each in steps_with(situation, actions, now)],
        },
        202,
    )
