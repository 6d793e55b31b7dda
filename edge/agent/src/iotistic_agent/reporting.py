"""What the device says about itself, out of a situation; pure."""

from collections.abc import Mapping

from iotistic_agent.retries import Retry
from iotistic_agent.signals import Situation
from iotistic_contract.codec import encode
from iotistic_contract.planning.containers import (
    EngineState,
    WantedContainer,
    World,
    is_as_wanted,
    own_container,
)
from iotistic_contract.planning.release import Wait
from iotistic_contract.report import (
    AppReport,
    Failure,
    ReportStatus,
    ServiceError,
    ServiceReport,
    ServiceReportState,
)

__all__ = ["changed_sections", "sections_of", "status_of"]


def sections_of(situation: Situation, constant: Mapping[str, object]) -> dict[str, object]:
    """Return the report's sections in JSON; ``constant`` are those that don't depend on it."""
    failure = _failure(situation)
    chosen = None if situation.choice is None else situation.choice.stored
    newest = situation.failed or chosen
    failed_version = None if failure is None or newest is None else newest.version
    sections: dict[str, object] = {
        **constant,
        "status": status_of(situation),
        "targetVersion": None if newest is None else newest.version,
        "appliedVersion": situation.applied_version,
        "failedVersion": failed_version,
        "failure": None if failure is None else encode(failure),
        "apps": _apps(situation),
        "policyHash": situation.policy_hash,
    }
    return {name: section for name, section in sections.items() if section is not None}


def changed_sections(
    acknowledged: Mapping[str, object], sections: Mapping[str, object]
) -> dict[str, object]:
    """Return what differs; a section that is gone is null."""
    changed = {
        name: section for name, section in sections.items() if acknowledged.get(name) != section
    }
    return changed | {name: None for name in acknowledged if name not in sections}


def status_of(situation: Situation) -> str | None:
    """Return how far the device is with its newest target, None without one.

    It is applied once it is committed, which for a new release means: proven.
    """
    if situation.choice is None and situation.failed is None:
        return None
    if situation.failed is not None and situation.failed.was_given_up:
        back = _all_as_wanted(situation)
        return ReportStatus.ROLLED_BACK if back else ReportStatus.APPLYING
    if _failure(situation) is not None:
        return ReportStatus.FAILED
    if situation.choice is not None and situation.choice.held:
        return ReportStatus.HELD
    if situation.choice is not None and situation.choice.is_candidate:
        return ReportStatus.APPLYING
    return ReportStatus.APPLIED if _all_as_wanted(situation) else ReportStatus.APPLYING


def _failure(situation: Situation) -> Failure | None:
    """Return the first thing that keeps the target from being applied."""
    if situation.failed is not None:
        return Failure(type=situation.failed.failure_type, message=situation.failed.failure or "")
    if situation.engine_fault is not None and situation.target is not None:
        return Failure(type="engine", message=situation.engine_fault)
    for (_, name), retry in sorted(situation.retries.items()):
        if not _all_as_wanted(situation):
            return Failure(type=retry.type, message=f"{name}: {retry.message}")
    if isinstance(situation.verdict, Wait) and situation.verdict.fault is not None:
        return Failure(type=situation.verdict.fault.type, message=situation.verdict.fault.message)
    return None


def _all_as_wanted(situation: Situation) -> bool:
    purging = situation.choice is not None and situation.choice.actions.purges
    return not purging and all(is_as_wanted(situation.world, each) for each in situation.services)


def _apps(situation: Situation) -> dict[str, object] | None:
    if situation.target is None:
        return None
    apps: dict[str, dict[str, ServiceReport]] = {}
    for wanted in situation.services:
        apps.setdefault(wanted.app_id, {})[wanted.service_id] = _service(situation, wanted)
    for refusal in situation.target.refused:
        apps.setdefault(refusal.app_id, {})[refusal.service_id] = ServiceReport(
            state=ServiceReportState.REFUSED,
            error=ServiceError(type=refusal.type, message=refusal.message),
        )
    return {app_id: encode(AppReport(services=services)) for app_id, services in apps.items()}


def _service(situation: Situation, wanted: WantedContainer) -> ServiceReport:
    retry = _retry_of(situation, wanted)
    error = None
    if retry is not None and not is_as_wanted(situation.world, wanted):
        error = ServiceError(
            type=retry.type,
            message=retry.message,
            retry_count=retry.backoff.failures,
            next_retry=retry.at,
        )
    found = own_container(situation.world, wanted)
    if found is None:
        pulling = wanted.image in situation.pulling
        state = ServiceReportState.PULLING if pulling else ServiceReportState.PENDING
        return ServiceReport(state=state, error=error, extra=local_override(situation, wanted))
    return ServiceReport(
        state=_state(found.state, wanted),
        container_id=found.id,
        image_digest=_digest(situation.world, found.image_id),
        health=found.health,
        error=error,
        extra=local_override(situation, wanted),
    )


def local_override(situation: Situation, wanted: WantedContainer) -> dict[str, object]:
    """Return ``localOverride``: who at the device holds the service in which state, until when.

    Nothing when nobody does.
    """
    held = None if situation.choice is None else situation.choice.overrides.get(wanted.service_id)
    if held is None:
        return {}
    facts = {"state": held.state, "owner": held.owner, "reason": held.reason, "until": held.until}
    return {"localOverride": {key: encode(fact) for key, fact in facts.items() if fact}}


def _retry_of(situation: Situation, wanted: WantedContainer) -> Retry | None:
    return situation.retries.get(("service", wanted.service_id)) or situation.retries.get(
        ("image", wanted.image)
    )


def _digest(world: World, image_id: str) -> str:
    """Return what a registry knows the image by, else the engine's own digest."""
    return world.digests.get(image_id, image_id)


def _state(state: EngineState, wanted: WantedContainer) -> str:
    """Return the report's word; a service that is stopped as wanted is exited."""
    if state is EngineState.REMOVING:
        return ServiceReportState.EXITED
    if state is EngineState.CREATED and wanted.state == "stopped":
        return ServiceReportState.EXITED
    return str(state)
