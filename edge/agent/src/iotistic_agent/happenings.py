"""What happened between two looks at the device, as events; pure."""

from collections.abc import Iterator, Mapping

from iotistic_agent.adapters.store import StoredTarget
from iotistic_agent.reporting import status_of
from iotistic_agent.signals import Situation
from iotistic_contract.lanes import EventType
from iotistic_contract.planning.containers import EngineState, WantedContainer, own_container
from iotistic_contract.report import ReportStatus

__all__ = ["Happening", "happenings"]

Happening = tuple[EventType, Mapping[str, object]]
_KEYS = {"service": "serviceId"}
_ENDED = (EngineState.EXITED, EngineState.DEAD, EngineState.RESTARTING)


def happenings(before: Situation, now: Situation) -> Iterator[Happening]:
    """Yield what is other now than it was, each with its facts."""
    yield from _of_targets(before, now)
    yield from _of_engine(before, now)
    if before.engine_fault is None and now.engine_fault is None:
        yield from _crashes(before, now)
    yield from _failures(before, now)
    yield from _of_status(before, now)


def _of_targets(before: Situation, now: Situation) -> Iterator[Happening]:
    """Yield a target that came, or was left; going back to the last one is none that came."""
    was, becomes = _stored(before), _stored(now)
    failed = now.failed
    is_new = failed is not None and (before.failed is None or before.failed.etag != failed.etag)
    went_back = failed is not None and failed.was_given_up
    if becomes is not None and (was is None or was.etag != becomes.etag) and not went_back:
        yield EventType.TARGET_STATE_CHANGED, {"version": becomes.version}
    if failed is not None and is_new:
        type_ = EventType.CANDIDATE_ROLLED_BACK if went_back else EventType.TARGET_REFUSED
        yield type_, {"version": failed.version, "message": _short(failed.failure)}
    if now.applied_version is not None and now.applied_version != before.applied_version:
        yield EventType.STATE_APPLIED, {"version": now.applied_version}


def _stored(situation: Situation) -> StoredTarget | None:
    return None if situation.choice is None else situation.choice.stored


def _of_engine(before: Situation, now: Situation) -> Iterator[Happening]:
    if now.engine_fault is not None and before.engine_fault is None:
        yield EventType.ENGINE_AWAY, {"message": _short(now.engine_fault)}
    elif now.engine_fault is None and before.engine_fault is not None:
        yield EventType.ENGINE_BACK, {}


def _crashes(before: Situation, now: Situation) -> Iterator[Happening]:
    """Yield containers that ran, should run, and have ended with another code than 0."""
    for wanted in now.target.containers if now.target else ():
        was, found = own_container(before.world, wanted), own_container(now.world, wanted)
        if was is None or found is None or was.id != found.id or wanted.state != "running":
            continue
        if was.state is EngineState.RUNNING and found.state in _ENDED and found.exit_code:
            facts = {"exitCode": found.exit_code, "message": _short(found.error)}
            yield EventType.CONTAINER_CRASHED, {**_names(wanted), **_known(facts)}


def _failures(before: Situation, now: Situation) -> Iterator[Happening]:
    """Yield what failed for the first time; later tries of the same are in the report."""
    for (kind, name), retry in sorted(now.retries.items()):
        if (kind, name) in before.retries:
            continue
        facts = {"type": retry.type, "message": _short(retry.message)}
        if kind == "image":
            yield EventType.PULL_FAILED, {"image": name, **facts}
        else:
            yield (
                EventType.SERVICE_FAILED,
                {f"{kind}Id" if kind == "service" else kind: name, **facts},
            )


def _of_status(before: Situation, now: Situation) -> Iterator[Happening]:
    was, becomes, stored = status_of(before), status_of(now), _stored(now)
    if becomes == ReportStatus.APPLIED and was not in {None, becomes}:
        yield EventType.RECONCILIATION_COMPLETE, {"version": stored and stored.version}


def _names(wanted: WantedContainer) -> dict[str, object]:
    return {"appId": wanted.app_id, "serviceId": wanted.service_id}


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: fact for name, fact in facts.items() if fact}


def _short(text: str | None) -> str:
    return (text or "")[:500]
