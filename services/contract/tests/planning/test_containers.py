"""The planner of containers, by properties: from any world a model reaches the target."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotistic_contract.planning import containers as c
from iotistic_contract.target_state import DependsOn, ServiceState, UpdateStrategy

pytestmark = pytest.mark.timeout(60)
SERVICES = ("one", "two", "three")
IMAGES = ("red:1", "blue:1")
NETWORKS = ("net-a", "net-b")
VOLUMES = frozenset({"vol-a", "vol-b"})


def stepped(world: c.World, step: c.Step, target: c.Target) -> c.World:  # noqa: C901, PLR0911 -- one per step
    """The world after the engine did ``step``."""
    match step:
        case c.PullImage(image):
            images = {**world.images, image: world.images.get(image, f"id-of-{image}")}
            return replace(world, images=images, fresh_images=world.fresh_images | {image})
        case c.CreateNetwork(name):
            return replace(world, networks={**world.networks, name: f"new-{name}"})
        case c.RemoveNetwork(name):
            used = [each for each in world.containers if name in each.networks]
            assert not used, f"{name} is in use"
            rest = {key: one for key, one in world.networks.items() if key != name}
            return replace(world, networks=rest)
        case c.CreateVolume(name):
            return replace(world, volumes=world.volumes | {name})
        case c.RemoveImage(image):
            assert world.own_images[image] not in {each.image_id for each in world.containers}
            return replace(
                world,
                images={key: one for key, one in world.images.items() if key != image},
                own_images={key: one for key, one in world.own_images.items() if key != image},
                cramped_images=frozenset(),
            )
        case c.RenameContainer(_, name, new_name):
            assert new_name not in {each.name for each in world.containers}, "the name is taken"
            changed = (replace(e, name=new_name) if e.name == name else e for e in world.containers)
            return replace(world, containers=tuple(changed))
        case c.RestartContainer():
            return restarted(world, step)
        case c.RemoveVolume():
            return emptied(world, step, target)
        case c.CreateContainer(_, name):
            return replace(world, containers=(*world.containers, created(world, name, target)))
        case c.RemoveContainer(_, name):
            assert one(world, name).state not in (c.EngineState.RUNNING, c.EngineState.PAUSED)
            rest_of = tuple(each for each in world.containers if each.name != name)
            return replace(world, containers=rest_of)
    return moved(world, step)


def restarted(world: c.World, step: c.RestartContainer) -> c.World:
    found = one(world, step.name)
    assert found.state is c.EngineState.RUNNING
    again = replace(found, started_at=f"{found.started_at} and again")
    rest = tuple(again if each is found else each for each in world.containers)
    return replace(world, containers=rest, failing=world.failing - {found.id})


def emptied(world: c.World, step: c.RemoveVolume, target: c.Target) -> c.World:
    assert step.name in target.purged_volumes, "only a purge deletes data"
    users = {each.service_id for each in world.containers}
    assert not users & target.purged_services, f"{step.name} is in use"
    return replace(world, volumes=world.volumes - {step.name})


def moved(world: c.World, step: c.Step) -> c.World:
    """The world after a change of state that the engine allows."""
    assert not isinstance(step, c.PullImage)
    found = one(world, step.name)
    state = c.EngineState
    before, after = {
        c.StartContainer: ({state.CREATED, state.EXITED}, state.RUNNING),
        c.StopContainer: ({state.RUNNING, state.RESTARTING}, state.EXITED),
        c.PauseContainer: ({state.RUNNING}, state.PAUSED),
        c.UnpauseContainer: ({state.PAUSED}, state.RUNNING),
    }[type(step)]
    assert found.state in before, f"{step} on a container that is {found.state}"
    if after is state.RUNNING:
        ports = {
            port
            for each in world.containers
            if each is not found and up(each)
            for port in each.ports
        }
        assert not ports & found.ports, "a port is taken"
    changed = replace(found, state=after, health="healthy", exit_code=0)
    rest = tuple(each for each in world.containers if each is not found)
    return replace(world, containers=(*rest, changed))


def up(container: c.Container) -> bool:
    return container.state in (
        c.EngineState.RUNNING,
        c.EngineState.PAUSED,
        c.EngineState.RESTARTING,
    )


def one(world: c.World, name: str) -> c.Container:
    return next(each for each in world.containers if each.name == name)


def created(world: c.World, name: str, target: c.Target) -> c.Container:
    wanted = next(each for each in target.containers if each.name == name)
    assert name not in {each.name for each in world.containers}, "the name is taken"
    assert set(wanted.volumes) <= world.volumes
    return c.Container(
        id=f"new-{name}",
        name=name,
        service_id=wanted.service_id,
        config_hash=wanted.config_hash,
        image_id=world.images[wanted.image],
        state=c.EngineState.CREATED,
        networks={network: world.networks[network] for network in wanted.networks},
        ports=wanted.ports,
    )


def _distinct_ports(items: list[c.WantedContainer]) -> bool:
    ports = [port for each in items for port in each.ports]
    return len(ports) == len(set(ports))


def _chained(items: list[c.WantedContainer]) -> tuple[c.WantedContainer, ...]:
    """Keep only dependencies on services that are there and come earlier: no circles."""
    names = [each.service_name for each in items]
    return tuple(
        replace(
            each,
            depends_on={key: how for key, how in each.depends_on.items() if key in names[:index]},
        )
        for index, each in enumerate(items)
    )


def _hashed(fields: dict[str, Any]) -> dict[str, Any]:
    """A configuration's hash covers its ports."""
    return fields | {"config_hash": f"{fields['config_hash']} {sorted(fields['ports'])}"}


wanted_containers = st.builds(
    lambda service, **rest: c.WantedContainer(
        app_id="app",
        service_id=service,
        service_name=service,
        name=f"iot-{service}",
        **_hashed(rest),
    ),
    service=st.sampled_from(SERVICES),
    image=st.sampled_from(IMAGES),
    state=st.sampled_from(ServiceState),
    config_hash=st.sampled_from(("a", "b")),
    always_pull=st.booleans(),
    runs_once=st.booleans(),
    networks=st.lists(st.sampled_from(NETWORKS), max_size=2, unique=True).map(tuple),
    volumes=st.lists(st.sampled_from(sorted(VOLUMES)), max_size=2, unique=True).map(tuple),
    update_strategy=st.sampled_from(UpdateStrategy),
    ports=st.frozensets(st.sampled_from(("80", "81")), max_size=1),
    depends_on=st.dictionaries(st.sampled_from(SERVICES), st.just(DependsOn.STARTED), max_size=2),
)
targets = (
    st.lists(wanted_containers, max_size=3, unique_by=lambda each: each.service_id)
    .filter(_distinct_ports)
    .map(lambda items: c.Target(containers=_chained(items)))
)
targets_that_download_first = targets.map(
    lambda target: replace(
        target,
        containers=tuple(
            replace(each, update_strategy=UpdateStrategy.DOWNLOAD_THEN_KILL)
            for each in target.containers
        ),
    )
)
found_containers = st.builds(
    c.Container,
    id=st.uuids().map(str),
    name=st.sampled_from(
        [f"iot-{service}" for service in SERVICES] + ["iot-one-old", "iot-old", "iot-other"]
    ),
    service_id=st.sampled_from((*SERVICES, "gone")),
    config_hash=st.sampled_from(("a", "b")),
    image_id=st.sampled_from(("id-of-red:1", "id-of-blue:1", "older")),
    state=st.sampled_from([s for s in c.EngineState if s is not c.EngineState.REMOVING]),
    exit_code=st.sampled_from((0, 137)),
    networks=st.dictionaries(
        st.sampled_from(NETWORKS), st.sampled_from(("", "present", "former")), max_size=2
    ),
    ports=st.frozensets(st.sampled_from(("80", "81")), max_size=1),
)


def _ports_of_stopped(items: list[c.Container]) -> list[c.Container]:
    """A container's ports are its own while it is up: two can't be up with the same."""
    taken: set[str] = set()
    kept = []
    for each in items:
        ports = each.ports - taken if up(each) else each.ports
        taken |= ports if up(each) else set()
        kept.append(replace(each, ports=ports, config_hash=f"{each.config_hash} {sorted(ports)}"))
    return kept


worlds = st.builds(
    lambda containers, **rest: c.World(
        containers=tuple(_ports_of_stopped(containers)),
        failing=frozenset(each.id for each in containers[1:]),
        **rest,
    ),
    containers=st.lists(found_containers, max_size=4, unique_by=lambda each: each.name),
    images=st.dictionaries(st.sampled_from(IMAGES), st.sampled_from(("id-of-red:1", "newer"))),
    networks=st.dictionaries(st.sampled_from(NETWORKS), st.just("present")),
    volumes=st.frozensets(st.sampled_from(sorted(VOLUMES))),
    own_images=st.dictionaries(st.sampled_from((*IMAGES, "old:1")), st.just("older")),
    fresh_images=st.frozensets(st.sampled_from(IMAGES)),
)


MOST_STEPS = 40


def settle(world: c.World, target: c.Target) -> tuple[c.World, list[c.Step]]:
    """Carry out first steps, observing in between, until the plan is empty."""
    done: list[c.Step] = []
    while (planned := c.plan(world, target)).changed:
        done.append(planned.steps[0])
        world = stepped(world, done[-1], target)
        assert len(done) <= MOST_STEPS, done
    return world, done


def waits(world: c.World, target: c.Target, wanted: c.WantedContainer) -> bool:
    """Whether the engine itself, or a service that isn't to run, is what it waits for."""
    own = c.own_container(world, wanted)
    if own is not None and own.state is c.EngineState.RESTARTING:
        return True
    others = [each for each in target.containers if each.service_name in wanted.depends_on]
    return any(
        each.state is not ServiceState.RUNNING or waits(world, target, each) for each in others
    )


@given(world=worlds, target=targets)
@settings(max_examples=200, deadline=None)
def test_stepping_reaches_the_target_and_then_nothing_is_left(
    world: c.World, target: c.Target
) -> None:
    before = world.volumes
    world, done = settle(world, target)
    assert not c.plan(world, target).changed
    for wanted in target.containers:
        assert c.is_as_wanted(world, wanted) or waits(world, target, wanted)
    still = {f"{each.name}-old" for each in target.containers if waits(world, target, each)}
    left = [each for each in world.containers if each.name not in still]
    assert sorted(each.name for each in left) == sorted(each.name for each in target.containers)
    assert world.volumes >= before, "a volume is never removed"
    assert len(done) == len(set(done)) or any(
        isinstance(step, (c.RemoveContainer, c.StopContainer, c.UnpauseContainer, c.StartContainer))
        for step in done
    )


@given(world=worlds, target=targets)
@settings(max_examples=200, deadline=None)
def test_a_whole_plan_can_be_carried_out_in_its_order(world: c.World, target: c.Target) -> None:
    for step in c.plan(world, target).steps:
        world = stepped(world, step, target)
    settle(world, target)


@given(world=worlds, target=targets_that_download_first)
@settings(max_examples=200, deadline=None)
def test_all_images_are_there_before_anything_is_stopped(world: c.World, target: c.Target) -> None:
    stopping = (c.StopContainer, c.RemoveContainer, c.PauseContainer)
    kinds = [
        "stop" if isinstance(step, stopping) else "pull"
        for step in settle(world, target)[1]
        if isinstance(step, (*stopping, c.PullImage))
    ]
    assert kinds == sorted(kinds), "pulls come first"


@given(
    world=worlds,
    target=targets_that_download_first,
    held=st.frozensets(st.sampled_from(IMAGES), min_size=1),
)
@settings(max_examples=200, deadline=None)
def test_what_an_image_that_cannot_be_pulled_would_replace_goes_on(
    world: c.World, target: c.Target, held: frozenset[str]
) -> None:
    world = replace(world, held_images=held)
    lacking = held - world.images.keys() & {each.image for each in target.containers}
    after, done = settle(world, target)
    assert not any(step == c.PullImage(image) for step in done for image in held)
    if lacking:
        assert not any(isinstance(step, c.RemoveContainer) for step in done)
        assert {each.id for each in world.containers} <= {each.id for each in after.containers}


@pytest.mark.parametrize(
    "before", [c.EngineState.RUNNING, c.EngineState.EXITED, c.EngineState.PAUSED]
)
@pytest.mark.parametrize("state", list(ServiceState))
def test_six_transitions_keep_the_container(before: c.EngineState, state: ServiceState) -> None:
    wanted = c.WantedContainer(
        app_id="app",
        service_id="one",
        service_name="one",
        name="iot-one",
        image="red:1",
        state=state,
        config_hash="a",
    )
    own = c.Container(
        id="the-one",
        name="iot-one",
        service_id="one",
        config_hash="a",
        image_id="1",
        state=before,
        exit_code=137,
    )
    target = c.Target(containers=(wanted,))
    world, done = settle(c.World(containers=(own,), images={"red:1": "1"}), target)
    expected = {
        "running": c.EngineState.RUNNING,
        "stopped": c.EngineState.EXITED,
        "paused": c.EngineState.PAUSED,
    }[state]
    assert [(each.id, each.state) for each in world.containers] == [("the-one", expected)]
    assert bool(done) == (before is not expected)


def test_a_refused_service_keeps_what_it_had() -> None:
    own = c.Container(
        id="1",
        name="iot-one",
        service_id="one",
        config_hash="a",
        image_id="1",
        state=c.EngineState.RUNNING,
        networks={"net-a": "n"},
    )
    refusal = c.Refusal(app_id="app", service_id="one", type="policy", message="privileged")
    world = c.World(containers=(own,), networks={"net-a": "n"}, volumes=VOLUMES)
    assert not c.plan(world, c.Target(refused=(refusal,))).changed
