"""What a person's word for a service or an app means as things are; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from iotistic_agent.choice import Choice
from iotistic_agent.faults import NotPossible
from iotistic_agent.signals import Situation
from iotistic_contract.planning.containers import (
    Container,
    EngineState,
    Step,
    WantedContainer,
    own_container,
    plan,
)
from iotistic_contract.planning.local_overrides import (
    LocalActions,
    LocalOverride,
    Purge,
    Restart,
    laid_over,
)
from iotistic_contract.target_state import ServiceState

__all__ = ["APP_ACTIONS", "SERVICE_ACTIONS", "Asked", "Meaning", "meaning_of", "steps_with"]

SERVICE_ACTIONS = ("start", "stop", "pause", "unpause", "restart", "give-back")
APP_ACTIONS = ("start", "stop", "restart", "purge", "give-back")
_STATES = {
    "start": ServiceState.RUNNING,
    "unpause": ServiceState.RUNNING,
    "stop": ServiceState.STOPPED,
    "pause": ServiceState.PAUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks for what and why; ``until`` is when a state ends, None for no end."""

    action: str
    owner: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is to be kept, and the services whose overrides end."""

    actions: LocalActions
    given_back: tuple[str, ...] = ()


def meaning_of(asked: Asked, situation: Situation, services: Sequence[WantedContainer]) -> Meaning:
    """Return what ``asked`` means for ``services`` of the target, which are one, or a whole app.

    NotPossible says why it can't be.
    """
    match asked.action:
        case "give-back":
            return Meaning(actions=LocalActions(), given_back=_ids(services))
        case "restart":
            return _restart(asked, situation, services)
        case "purge":
            return _purge(asked, situation, services)
    return _state(asked, situation, services)


def steps_with(situation: Situation, actions: LocalActions, now: datetime) -> tuple[Step, ...]:
    """Return what would be done now with ``actions`` laid over the device's own target."""
    if situation.choice is None:
        return ()
    return plan(situation.world, laid_over(situation.choice.own, actions, now)).steps


def _state(asked: Asked, situation: Situation, services: Sequence[WantedContainer]) -> Meaning:
    """Hold a state; one that the target has anyway isn't held, but the other one given back."""
    state, own = _STATES[asked.action], _own_states(situation)
    held = situation.choice.overrides if situation.choice else {}
    for each in services:
        before = held[each.service_id].state if each.service_id in held else own[each.service_id]
        if asked.action == "unpause" and before is not ServiceState.PAUSED:
            raise NotPossible(f"the service {each.service_id!r} isn't paused: it is {before}")
    overrides = tuple(
        LocalOverride(
            service_id=each.service_id,
            state=state,
            instead_of=own[each.service_id],
            owner=asked.owner,
            reason=asked.reason,
            until=asked.until,
        )
        for each in services
        if own[each.service_id] is not state
    )
    return Meaning(actions=LocalActions(overrides=overrides), given_back=_ids(services))


def _restart(asked: Asked, situation: Situation, services: Sequence[WantedContainer]) -> Meaning:
    found = [(each, own_container(situation.world, each)) for each in services]
    restarts = tuple(
        Restart(
            service_id=wanted.service_id,
            container_id=container.id,
            started_at=container.started_at,
            owner=asked.owner,
            reason=asked.reason,
        )
        for wanted, container in found
        if container is not None and _runs(wanted, container)
    )
    if not restarts:
        names = ", ".join(repr(each.service_id) for each in services)
        raise NotPossible(f"nothing to restart: no container of {names} runs as wanted")
    return Meaning(actions=LocalActions(restarts=restarts))


def _purge(asked: Asked, situation: Situation, services: Sequence[WantedContainer]) -> Meaning:
    app_id, choice = services[0].app_id, situation.choice
    refused = [e.service_id for e in (choice.own.refused if choice else ()) if e.app_id == app_id]
    if refused:
        raise NotPossible(
            f"the service {refused[0]!r} is refused: what it has couldn't be made anew"
        )
    volumes = frozenset(name for each in _known(choice) if each.app_id == app_id
                        for name in each.volumes)  # fmt: skip
    purge = Purge(app_id=app_id, volumes=volumes, owner=asked.owner, reason=asked.reason)
    return Meaning(actions=LocalActions(purges=(purge,)))


def _known(choice: Choice | None) -> tuple[WantedContainer, ...]:
    """Return the services of the target that applies, and of the committed one."""
    if choice is None:
        return ()
    committed = choice.committed.containers if choice.committed else ()
    return (*choice.own.containers, *committed)


def _own_states(situation: Situation) -> dict[str, ServiceState]:
    own = situation.choice.own.containers if situation.choice else ()
    return {each.service_id: each.state for each in own}


def _runs(wanted: WantedContainer, container: Container) -> bool:
    return container.state is EngineState.RUNNING and wanted.state is ServiceState.RUNNING


def _ids(services: Sequence[WantedContainer]) -> tuple[str, ...]:
    return tuple(each.service_id for each in services)
