"""The trial of a candidate, between store, engine and leases."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.agent.tests.device import app
from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.configuration import configuration
from iotistic_agent.faults import EngineFault
from iotistic_agent.probing import Prober
from iotistic_agent.releases import Releases
from iotistic_agent.retries import Retries
from iotistic_agent.settings import from_environment
from iotistic_agent.workshop import Workshop
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths
from iotistic_contract.planning.containers import (
    CreateContainer,
    CreateNetwork,
    StartContainer,
    World,
)
from iotistic_contract.planning.local_overrides import LocalActions, LocalOverride
from iotistic_contract.planning.policy import Policy
from iotistic_contract.planning.release import Commit, GiveUp
from iotistic_contract.target_state import ServiceState

UUID = "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
HERE = World(images={"app:1": "i"})
NEW = CreateContainer("id-one", "iot-0f8e3c1a-app-one")


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "device.sqlite", lambda: NOW)
    opened.identity.uuid(UUID, str)
    keep(opened, 1)
    opened.targets.commit('"1"', {"app:1": "i"})
    keep(opened, 2)
    yield opened
    opened.close()


def keep(store: Store, version: int) -> None:
    changed = {"config": {"environment": {"RELEASE": str(version)}}}
    document = {"schema": 1, "version": version, "apps": app("app:1", one=changed, two={})}
    store.targets.keep(StoredTarget(etag=f'"{version}"', version=version, document=document))


def releases(store: Store, clock: Clock) -> Releases:
    settings = from_environment({})
    return Releases(
        store=store,
        device=Device(uuid=UUID),
        host=lambda _: HostPaths(),
        policy=lambda: (Policy(), None),
        configured=lambda: configuration(None, settings),
        now=lambda: NOW,
        monotonic=clock,
    )


@pytest.mark.parametrize(
    "step", [CreateNetwork("iot-0f8e3c1a-app-default"), StartContainer("id-two", "two")]
)
async def test_what_the_candidate_does_not_change_begins_no_trial(store, clock, step):
    tried = releases(store, clock)
    choice = await tried.choose()
    tried.step_ahead(choice, step, HERE)
    assert not store.targets.has_begun('"2"')
    tried.step_ahead(choice, NEW, HERE)
    assert store.targets.has_begun('"2"')


async def test_a_trial_that_has_begun_is_not_held(store, clock):
    tried = releases(store, clock)
    choice = await tried.choose()
    store.leases.hold("press", "printing", 60)
    assert (await tried.choose()).held
    tried.step_ahead(choice, NEW, HERE)
    assert (await tried.choose()).on_trial, "else the old containers came back under a lease"
    assert (await releases(store, clock).choose()).on_trial, "a power cut changes nothing of that"
    keep(store, 3)
    assert (await tried.choose()).held


async def test_an_image_that_comes_for_long_costs_a_trial_no_time(store, clock):
    tried = releases(store, clock)
    choice = await tried.choose()
    tried.step_ahead(choice, NEW, HERE)
    coming = replace(HERE, images={}, coming_images=frozenset({"app:1"}))
    for clock.seconds in (100.0, 1000.0):
        assert not isinstance(tried.verdict(choice, coming, {}), GiveUp)
    clock.seconds = 1299.0
    assert not isinstance(tried.verdict(choice, HERE, {}), GiveUp)
    clock.seconds = 1300.0
    assert isinstance(tried.verdict(choice, HERE, {}), GiveUp)


async def test_a_stop_by_a_person_gives_up_nothing_that_waits_for_it(store, clock):
    waits = {"config": {"dependsOn": {"two": "started"}, "environment": {"RELEASE": "3"}}}
    third = {"config": {"dependsOn": {"id-one": "started"}}}
    apps = app("app:1", one=waits, two={}, three=third)
    document = {"schema": 1, "version": 3, "apps": apps}
    store.targets.keep(StoredTarget(etag='"3"', version=3, document=document))
    tried = releases(store, clock)
    tried.step_ahead(await tried.choose(), NEW, HERE)
    clock.seconds = 300.0
    assert isinstance(tried.verdict(await tried.choose(), HERE, {}), GiveUp)
    stop = LocalOverride(
        service_id="id-two",
        state=ServiceState.STOPPED,
        instead_of=ServiceState.RUNNING,
        owner="ana",
        reason="a look",
    )
    store.local_overrides.keep(LocalActions(overrides=(stop,)))
    assert isinstance(tried.verdict(await tried.choose(), HERE, {}), Commit)


class Engine:
    def observe(self, _images):
        return HERE


class Pulls:
    fresh = cramped = under_way = frozenset()

    def want(self, _images) -> None:
        """Nothing is under way."""

    def begin_anew(self) -> None:
        """Nothing was found out."""


async def test_what_failed_of_the_last_release_is_not_held_against_one_that_was_held(store, clock):
    retries = Retries(lambda: NOW, lambda: 0.5)
    workshop = Workshop(
        store=store,
        engine=Engine(),
        releases=releases(store, clock),
        retries=retries,
        pulls=Pulls(),
        prober=Prober(lambda *_: None, lambda: None),
    )
    store.leases.hold("press", "printing", 60)
    assert (await workshop.look()).choice.held
    for _ in range(3):
        retries.failed("service", "id-one", EngineFault("start", "the last release can't start"))
    store.leases.release("press")
    situation = await workshop.look()
    assert situation.choice.on_trial
    assert not isinstance(situation.verdict, GiveUp)
    assert situation.retries == {}


async def test_a_target_that_comes_again_is_tried_anew(store, clock):
    store.targets.begin_trial('"2"')
    store.targets.commit('"2"', {})
    for _ in range(6):
        tried = releases(store, clock)
    keep(store, 3)
    store.targets.commit('"3"', {})
    keep(store, 2)  # the cloud was restored
    choice = await tried.choose()
    assert choice.on_trial
    assert not isinstance(tried.verdict(choice, HERE, {}), GiveUp)
