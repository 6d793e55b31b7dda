from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iotistic_agent.adapters.store import StoredTarget
from iotistic_agent.backoff import STEPS
from iotistic_agent.choice import Choice
from iotistic_agent.reporting import changed_sections, sections_of
from iotistic_agent.retries import Retry
from iotistic_agent.signals import Situation
from iotistic_contract.codec import decode
from iotistic_contract.planning.containers import (
    Container,
    EngineState,
    Refusal,
    Target,
    WantedContainer,
    World,
)
from iotistic_contract.planning.release import Fault, Wait
from iotistic_contract.report import Report
from iotistic_contract.target_state import ServiceState

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STORED = StoredTarget(etag='"7-a"', version=7, document={})
RETRY = Retry("pull", "no such image", STEPS.failed(), AT)


def wanted(state: ServiceState = ServiceState.RUNNING) -> WantedContainer:
    return WantedContainer(
        app_id="app",
        service_id="s",
        service_name="s",
        name="iot-s",
        image="red:1",
        state=state,
        config_hash="h",
    )


def found(state: EngineState) -> Container:
    return Container(
        id="c1", name="iot-s", service_id="s", config_hash="h", image_id="i1", state=state
    )


def situation(container: Container | None, target: Target, **change) -> Situation:
    containers = () if container is None else (container,)
    world = World(containers=containers, images={"red:1": "i1"}, digests={"i1": "sha256:d"})
    choice = Choice(stored=STORED, target=target)
    return Situation(**{"choice": choice, "world": world, **change})


@pytest.mark.parametrize(
    ("state", "container", "change", "status", "service"),
    [
        ("running", EngineState.RUNNING, {}, "applied", "running"),
        ("stopped", EngineState.EXITED, {}, "applied", "exited"),
        ("stopped", EngineState.CREATED, {}, "applied", "exited"),
        ("paused", EngineState.PAUSED, {}, "applied", "paused"),
        ("running", EngineState.EXITED, {}, "applying", "exited"),
        ("running", EngineState.RESTARTING, {}, "applying", "restarting"),
        ("running", None, {}, "applying", "pending"),
        ("running", None, {"pulling": frozenset({"red:1"})}, "applying", "pulling"),
        ("running", None, {"retries": {("image", "red:1"): RETRY}}, "failed", "pending"),
        ("running", None, {"engine_fault": "gone"}, "failed", "pending"),
        (
            "running",
            EngineState.RUNNING,
            {"retries": {("image", "red:1"): RETRY}},
            "applied",
            "running",
        ),
    ],
)
def test_status_and_service(state, container, change, status, service):
    target = Target(containers=(wanted(ServiceState(state)),))
    look = situation(None if container is None else found(container), target, **change)
    sections = sections_of(look, {"agentVersion": "1"})
    assert sections["status"] == status
    assert sections["apps"]["app"]["services"]["s"]["state"] == service
    assert sections["targetVersion"] == 7
    frame = {"schema": 1, "stream": "s", "epoch": 1, "sequence": 1, "at": "2026-01-02T03:04:05Z"}
    assert decode(Report, {**frame, **sections}).status == status


def test_a_failure_names_what_failed_and_when_the_next_try_is():
    target = Target(containers=(wanted(),))
    sections = sections_of(situation(None, target, retries={("image", "red:1"): RETRY}), {})
    assert sections["failure"] == {"type": "pull", "message": "red:1: no such image"}
    assert sections["failedVersion"] == 7
    assert sections["apps"]["app"]["services"]["s"]["error"] == {
        "type": "pull",
        "message": "no such image",
        "retryCount": 1,
        "nextRetry": "2026-01-02T03:04:05.000Z",
    }


def test_a_refused_service_does_not_keep_the_rest_from_being_applied():
    refusal = Refusal(app_id="app", service_id="x", type="policy", message="denied")
    target = Target(containers=(wanted(),), refused=(refusal,))
    sections = sections_of(situation(found(EngineState.RUNNING), target), {})
    assert sections["status"] == "applied"
    refused = sections["apps"]["app"]["services"]["x"]
    assert (refused["state"], refused["error"]["type"]) == ("refused", "policy")


def test_a_release_that_was_given_up_is_told_once_the_old_one_is_back():
    failed = StoredTarget(
        etag='"8-b"', version=8, document={}, failure="s: it ended", failure_type="health"
    )
    target = Target(containers=(wanted(),))
    back = sections_of(situation(found(EngineState.RUNNING), target, failed=failed), {})
    assert (back["status"], back["targetVersion"], back["failedVersion"]) == ("rolled_back", 8, 8)
    assert back["failure"] == {"type": "health", "message": "s: it ended"}
    on_the_way = sections_of(situation(found(EngineState.EXITED), target, failed=failed), {})
    assert (on_the_way["status"], on_the_way["failedVersion"]) == ("applying", 8)


def test_a_candidate_is_applied_once_it_is_committed_and_held_while_it_waits():
    target = Target(containers=(wanted(),))
    running = situation(found(EngineState.RUNNING), target)
    on_trial = replace(running, choice=replace(running.choice, is_candidate=True))
    assert sections_of(on_trial, {})["status"] == "applying"
    waits = replace(running, choice=replace(running.choice, is_candidate=True, held=("night",)))
    assert sections_of(waits, {})["status"] == "held"
    stuck = replace(on_trial, verdict=Wait(None, Fault("health", "s: unhealthy")))
    assert sections_of(stuck, {})["status"] == "failed"


def test_without_a_target_there_is_no_status():
    sections = sections_of(Situation(), {"agentVersion": "1"})
    assert sections == {"agentVersion": "1"}


def test_only_what_differs_is_sent_and_what_is_gone_is_null():
    acknowledged = {"status": "applied", "failure": {"type": "pull"}, "apps": {"a": 1}}
    sections = {"status": "applied", "apps": {"a": 2}}
    assert changed_sections(acknowledged, sections) == {"apps": {"a": 2}, "failure": None}
    assert changed_sections(sections, sections) == {}
