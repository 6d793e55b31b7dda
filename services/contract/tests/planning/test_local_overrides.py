"""What people at a device ask for, laid over its target; by properties and by table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotistic_contract.planning import containers as c
from iotistic_contract.planning.local_overrides import (
    LocalActions,
    LocalOverride,
    Purge,
    Restart,
    ended,
    laid_over,
    live,
    next_end,
)
from iotistic_contract.target_state import ServiceState
from services.contract.tests.planning.test_containers import (
    SERVICES,
    VOLUMES,
    settle,
    stepped,
    targets,
    waits,
    worlds,
)

pytestmark = pytest.mark.timeout(60)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MOST_STEPS = 80
RUNNING, STOPPED, PAUSED = ServiceState.RUNNING, ServiceState.STOPPED, ServiceState.PAUSED


def override(state: ServiceState = STOPPED, **change: object) -> LocalOverride:
    fields = {"service_id": "one", "instead_of": RUNNING, "owner": "ana", "reason": "a look"}
    return LocalOverride(**{**fields, "state": state, **change})


def wanted(state: ServiceState = RUNNING, **change: object) -> c.WantedContainer:
    fields = {
        "app_id": "app",
        "service_id": "one",
        "service_name": "one",
        "name": "iot-one",
        "image": "red:1",
        "config_hash": "a",
        "volumes": ("vol-a",),
    }
    return c.WantedContainer(**{**fields, "state": state, **change})


def found(state: c.EngineState = c.EngineState.RUNNING, **change: object) -> c.Container:
    fields = {"id": "c1", "name": "iot-one", "service_id": "one", "config_hash": "a"}
    return c.Container(**{**fields, "image_id": "r", "state": state, "started_at": "t0", **change})


def world(*containers: c.Container, **change: object) -> c.World:
    there = {"images": {"red:1": "r"}, "volumes": frozenset({"vol-a"}), **change}
    return c.World(containers=containers, **there)


actions = st.builds(
    lambda states, restarts, purged: (states, restarts, purged),
    states=st.dictionaries(st.sampled_from(SERVICES), st.sampled_from(ServiceState)),
    restarts=st.frozensets(st.sampled_from(SERVICES)),
    purged=st.booleans(),
)


def asked(target: c.Target, at: c.World, drawn: tuple) -> LocalActions:
    """The actions that fit the target and the world."""
    states, restarts, purged = drawn
    own = {each.service_id: each.state for each in target.containers}
    of_service = {each.service_id: each for each in at.containers}
    return LocalActions(
        overrides=tuple(
            override(state, service_id=service_id, instead_of=own[service_id])
            for service_id, state in states.items()
            if service_id in own
        ),
        restarts=tuple(
            Restart(
                service_id=service_id,
                container_id=of_service[service_id].id,
                started_at=of_service[service_id].started_at,
                owner="ana",
                reason="a look",
            )
            for service_id in restarts & of_service.keys()
        ),
        purges=(Purge(app_id="app", volumes=VOLUMES, owner="a", reason="r"),) if purged else (),
    )


@given(at=worlds, target=targets, drawn=actions)
@settings(max_examples=200, deadline=None)
def test_what_is_asked_for_is_reached_and_done_once(at, target, drawn) -> None:
    asked_for = asked(target, at, drawn)
    intermediate = laid_over(target, asked_for, NOW)
    assert laid_over(target, asked_for, NOW) == intermediate
    at, _ = settle(at, intermediate)
    assert not c.plan(at, intermediate).changed
    if asked_for.purges:
        assert not at.volumes & VOLUMES
        mine = {each.service_id for each in target.containers}
        assert not any(each.service_id in mine for each in at.containers)
    over = ended(asked_for, target, at, NOW)
    left = LocalActions(
        overrides=tuple(e for e in asked_for.overrides if e not in over),
        restarts=tuple(e for e in asked_for.restarts if e not in over),
    )
    assert not [each for each in asked_for.purges if each not in over]
    after = laid_over(target, left, NOW)
    at, _ = settle(at, after)
    assert not c.plan(at, laid_over(target, left, NOW)).changed, "applied twice"
    for each in after.containers:
        assert c.is_as_wanted(at, each) or waits(at, after, each)
    states = {each.service_id: each.state for each in after.containers}
    assert all(states[each.service_id] is each.state for each in asked_for.overrides)


def remaining(asked_for: LocalActions, over: frozenset) -> LocalActions:
    return LocalActions(
        overrides=tuple(e for e in asked_for.overrides if e not in over),
        restarts=tuple(e for e in asked_for.restarts if e not in over),
        purges=tuple(e for e in asked_for.purges if e not in over),
    )


@given(at=worlds, target=targets, newer=targets, drawn=actions, when=st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_whenever_another_target_comes_nothing_is_left_half_done(
    at, target, newer, drawn, when
) -> None:
    """The loop as it is: what is over is forgotten, then one step; nothing else is remembered."""
    asked_for, done = asked(target, at, drawn), []
    for number in range(MOST_STEPS):
        target = newer if number == when else target
        while over := ended(asked_for, target, at, NOW):
            asked_for = remaining(asked_for, over)
        intermediate = laid_over(target, asked_for, NOW)
        steps = c.plan(at, intermediate).steps
        if not steps and number >= when:
            break
        if steps:
            done.append(steps[0])
            at = stepped(at, steps[0], intermediate)
    else:
        pytest.fail(f"no end: {done[-6:]}")
    assert not asked_for.purges
    removed = [step for step in done if isinstance(step, c.RemoveVolume)]
    assert len(removed) == len(set(removed)), "data is deleted once"
    if not drawn[2]:
        assert not removed
    for each in intermediate.containers:
        assert c.is_as_wanted(at, each) or waits(at, intermediate, each)


@given(at=worlds, target=targets, drawn=actions)
@settings(max_examples=100, deadline=None)
def test_what_is_given_back_leaves_no_trace(at, target, drawn) -> None:
    before, _ = settle(at, target)
    held, _ = settle(before, laid_over(target, asked(target, before, (drawn[0], (), False)), NOW))
    again, _ = settle(held, laid_over(target, LocalActions(), NOW))
    for each in target.containers:
        if c.is_as_wanted(before, each):
            kept = c.own_container(before, each)
            assert kept is not None
            assert kept.id in {found.id for found in again.containers}
    assert again.volumes == before.volumes


@pytest.mark.parametrize(
    ("held", "own", "holds"),
    [
        (override(), RUNNING, True),
        (override(until=LATER), RUNNING, True),
        (override(until=NOW), RUNNING, False),
        (override(), STOPPED, False),
        (override(), PAUSED, False),
        (override(RUNNING, instead_of=STOPPED), STOPPED, True),
        (override(RUNNING, instead_of=STOPPED), RUNNING, False),
        (override(service_id="other"), RUNNING, False),
    ],
)
def test_an_override_holds_until_its_end_or_the_targets_word(held, own, holds) -> None:
    target = c.Target(containers=(wanted(own),))
    asked_for = LocalActions(overrides=(held,))
    state = held.state if holds else own
    assert laid_over(target, asked_for, NOW).containers[0].state is state
    assert bool(live((held,), target, NOW)) is holds
    assert (held in ended(asked_for, target, world(found()), NOW)) is not holds


def test_a_target_that_may_not_stay_ends_no_override() -> None:
    asked_for = LocalActions(overrides=(override(),))
    candidate = c.Target(containers=(wanted(STOPPED),))
    assert not ended(asked_for, candidate, world(), NOW, stays=False)
    assert ended(asked_for, candidate, world(), NOW) == {override()}
    refusal = c.Refusal(app_id="app", service_id="one", type="policy", message="privileged")
    assert not ended(asked_for, c.Target(refused=(refusal,)), world(), NOW)


def test_a_purge_of_an_app_without_data_is_done_in_a_trial_too() -> None:
    purge = Purge(app_id="app", volumes=frozenset(), owner="ana", reason="anew")
    asked_for, candidate = LocalActions(purges=(purge,)), c.Target(containers=(wanted(),))
    assert not ended(asked_for, candidate, world(found()), NOW, stays=False)
    assert ended(asked_for, candidate, world(), NOW, stays=False) == {purge}


def test_a_restart_is_done_once() -> None:
    target = c.Target(containers=(wanted(),))
    restart = Restart(service_id="one", container_id="c1", started_at="t0", owner="a", reason="r")
    asked_for = LocalActions(restarts=(restart,))
    intermediate = laid_over(target, asked_for, NOW)
    assert c.plan(world(found()), intermediate).steps == (c.RestartContainer("one", "iot-one"),)
    assert not ended(asked_for, target, world(found()), NOW)
    anew = world(found(started_at="t1"))
    assert not c.plan(anew, intermediate).changed, "also when nobody could note that it is done"
    assert ended(asked_for, target, anew, NOW) == {restart}
    assert ended(asked_for, target, world(found(c.EngineState.EXITED)), NOW) == {restart}


def test_a_purge_takes_containers_then_volumes_then_the_app_comes_back() -> None:
    other = wanted(service_id="two", app_id="other", service_name="two", name="iot-two",
                   volumes=("vol-b",))  # fmt: skip
    target = c.Target(containers=(wanted(), other), kept_images=frozenset())
    purge = Purge(app_id="app", volumes=frozenset({"vol-a"}), owner="a", reason="r")
    asked_for = LocalActions(purges=(purge,))
    second = found(id="c2", name="iot-two", service_id="two")
    at = world(found(), second, volumes=VOLUMES, own_images={"red:1": "r"})
    intermediate = laid_over(target, asked_for, NOW)
    after, done = settle(at, intermediate)
    assert done == [
        c.StopContainer("one", "iot-one"),
        c.RemoveContainer("one", "iot-one"),
        c.RemoveVolume("vol-a"),
    ]
    assert after.containers == (second,)
    assert after.images == at.images, "its images stay"
    assert not ended(asked_for, target, at, NOW)
    assert ended(asked_for, target, after, NOW) == {purge}
    _, done = settle(after, target)
    assert [type(each) for each in done] == [c.CreateVolume, c.CreateContainer, c.StartContainer]


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({"held_services": frozenset({"one"})}, ()),
        ({"held_removals": frozenset({"vol-a"}), "containers": ()}, ()),
    ],
)
def test_what_a_purge_failed_at_waits_for_its_next_try(change, steps) -> None:
    purge = Purge(app_id="app", volumes=frozenset({"vol-a"}), owner="a", reason="r")
    target = laid_over(c.Target(containers=(wanted(),)), LocalActions(purges=(purge,)), NOW)
    assert c.plan(replace(world(found()), **change), target).steps == steps


def test_a_target_that_drops_the_app_ends_no_purge() -> None:
    purge = Purge(app_id="app", volumes=frozenset({"vol-a"}), owner="a", reason="r")
    asked_for, target = LocalActions(purges=(purge,)), c.Target()
    after, done = settle(world(found()), laid_over(target, asked_for, NOW))
    assert done == [
        c.StopContainer("one", "iot-one"),
        c.RemoveContainer("one", "iot-one"),
        c.RemoveVolume("vol-a"),
    ]
    assert not ended(asked_for, target, world(), NOW), "the data is still there"
    assert ended(asked_for, target, after, NOW) == {purge}


def test_the_next_end() -> None:
    several = (override(), override(until=LATER), override(until=LATER + timedelta(1)))
    assert next_end(LocalActions(overrides=several), NOW) == 3600
    assert next_end(LocalActions(overrides=several[:1]), NOW) is None
    assert not LocalActions()
    assert LocalActions(overrides=several).all() == frozenset(several)
