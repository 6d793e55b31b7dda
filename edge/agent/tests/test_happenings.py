"""Two looks at the device, and what is told of the difference."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.backoff import STEPS
from iotistic_agent.choice import Choice
from iotistic_agent.chronicle import Chronicle
from iotistic_agent.happenings import happenings
from iotistic_agent.link import Link
from iotistic_agent.retries import Retry
from iotistic_agent.signals import Bell, Board, Situation
from iotistic_agent.spool import Spool
from iotistic_contract.device_target import read_target
from iotistic_contract.lanes import EventType, Lane
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths, target_from
from iotistic_contract.planning.containers import Container, EngineState, World
from iotistic_contract.planning.policy import DENY_ALL

UUID = "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
SERVICE = {"serviceId": "1", "serviceName": "web", "imageName": "busybox:1"}
DOCUMENT = {
    "schema": 1,
    "version": 3,
    "apps": {"app": {"appId": "app", "appName": "App", "services": [SERVICE]}},
}
STORED = StoredTarget(etag='"3-a"', version=3, document=DOCUMENT)
TARGET = target_from(read_target(DOCUMENT), Device(uuid=UUID), DENY_ALL, HostPaths())
WANTED = TARGET.containers[0]
CHOICE = Choice(stored=STORED, target=TARGET)
NEWER = replace(STORED, etag='"4-b"', version=4)
NETWORKS = dict.fromkeys(WANTED.networks, "n1")

GIVEN_UP = replace(NEWER, failure="unhealthy", failure_type="health")


def world(state: str, exit_code: int | None = None, **changes: object) -> World:
    container = Container(
        id="c1", name=WANTED.name, service_id="1", config_hash=WANTED.config_hash, image_id="i",
        state=EngineState(state), exit_code=exit_code, networks=NETWORKS,
    )  # fmt: skip
    return World(
        containers=(replace(container, **changes),), images={WANTED.image: "i"}, networks=NETWORKS
    )


def situation(state: str = "running", exit_code: int | None = None, **changes) -> Situation:
    usual = Situation(choice=CHOICE, applied_version=3, world=world(state, exit_code))
    return replace(usual, **changes)


def retry(type_: str = "pull") -> Retry:
    return Retry(type_, "no such image", STEPS.failed(), NOW)


FAILED = replace(STORED, etag='"4-b"', version=4, failure="/apps: expected an object")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (situation(), situation(), []),
        (
            situation(),
            situation(choice=replace(CHOICE, stored=NEWER)),
            [("target-state-changed", {"version": 4})],
        ),
        (
            situation(applied_version=None),
            situation(),
            [("state-applied", {"version": 3})],
        ),
        (
            situation(),
            situation(failed=FAILED),
            [("target-refused", {"version": 4, "message": "/apps: expected an object"})],
        ),
        (
            situation(choice=replace(CHOICE, stored=NEWER, is_candidate=True)),
            situation(failed=GIVEN_UP),
            [("candidate-rolled-back", {"version": 4, "message": "unhealthy"})],
        ),
        (
            situation("exited"),
            situation(),
            [("reconciliation-complete", {"version": 3})],
        ),
        (
            situation(),
            situation("exited", 2),
            [("container-crashed", {"appId": "app", "serviceId": "1", "exitCode": 2})],
        ),
        (situation(), situation("exited", 0), []),
        (situation("created"), situation("exited", 2), []),
        (situation(), situation(world=world("exited", 2, id="c2")), []),
        (
            situation(),
            situation(engine_fault="no answer", world=World()),
            [("engine-away", {"message": "no answer"})],
        ),
        (
            situation(engine_fault="no answer", world=World()),
            situation(),
            [("engine-back", {}), ("reconciliation-complete", {"version": 3})],
        ),
        (
            situation("exited"),
            situation("exited", retries={("image", "busybox:1"): retry()}),
            [("pull-failed", {"image": "busybox:1", "type": "pull", "message": "no such image"})],
        ),
        (
            situation("exited"),
            situation("exited", retries={("service", "1"): retry("start")}),
            [("service-failed",
              {"serviceId": "1", "type": "start", "message": "no such image"})],
        ),
        (
            situation("exited", retries={("service", "1"): retry("start")}),
            situation("exited", retries={("service", "1"): retry("create")}),
            [],
        ),
    ],
)  # fmt: skip
def test_what_is_told(before, now, expected):
    assert [(str(type_), dict(facts)) for type_, facts in happenings(before, now)] == expected


def test_a_chronicle_stores_what_board_and_link_show(tmp_path):
    store = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    bell, board, link = Bell(), Board(), Link()
    Chronicle(Spool(store.outbox, bell, lambda: NOW, lambda: "s"), board, link)
    board.post(situation("exited"))
    board.post(situation())
    link.succeeded()
    for _ in range(3):
        link.failed("no route")
    link.succeeded()
    lines = [json.loads(each.text) for each in store.outbox.batch(Lane.EVENTS, 10, 10**6)]
    assert [(each["type"], each.get("data", {})) for each in lines] == [
        ("reconciliation-complete", {"version": 3}),
        ("connection-degraded", {"reason": "no route"}),
        ("connection-offline", {"reason": "no route"}),
        ("connection-online", {}),
    ]
    assert all(each["type"] in set(EventType) for each in lines)
    assert bell._event.is_set(), "events are sent at once"
    store.close()
