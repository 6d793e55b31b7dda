"""What brings the containers of a device from what is there to what is wanted.

The order holds a promise: all images are there before anything is stopped, and no volume is ever
removed, but for a purge that a person asked for. Whoever carries a plan out runs its first step,
observes, and plans again.
"""

import graphlib
from collections.abc import Iterator, Mapping

from ..target_state import ServiceState
from .container_match import (
    UP,
    base_of,
    completed,
    difference,
    is_as_wanted,
    is_healthy,
    old_name,
    own_container,
)
from .container_steps import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PauseContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    StartContainer,
    Step,
    StopContainer,
    UnpauseContainer,
)
from .container_view import View
from .container_world import (
    Container,
    EngineState,
    Refusal,
    Target,
    WantedContainer,
    World,
)
from .plan import Plan

__all__ = [
    "Container",
    "CreateContainer",
    "CreateNetwork",
    "CreateVolume",
    "EngineState",
    "PauseContainer",
    "PullImage",
    "Refusal",
    "RemoveContainer",
    "RemoveImage",
    "RemoveNetwork",
    "RemoveVolume",
    "RenameContainer",
    "RestartContainer",
    "StartContainer",
    "Step",
    "StopContainer",
    "Target",
    "UnpauseContainer",
    "WantedContainer",
    "World",
    "base_of",
    "completed",
    "difference",
    "is_as_wanted",
    "is_healthy",
    "own_container",
    "plan",
]


def plan(actual: World, desired: Target) -> Plan:
    """Return all steps from ``actual`` to ``desired``; none when nothing can or must be done."""
    view = View(actual, desired)
    cleared = (
        *_purged_containers(view),
        *_pulls(view, late=False),
        *_missing_networks_and_volumes(view),
        *_removals(view),
        *_purged_volumes(view),
    )
    steps = (*_pulls(view, late=True), *_service_steps(view), *_unused_networks(view))
    settled = not cleared and not steps and all(is_as_wanted(actual, e) for e in desired.containers)
    return Plan(
        before=_shown_world(actual),
        after=_shown_target(desired),
        steps=(*cleared, *_unused_images(view, settled=settled), *steps),
    )


def _pulls(view: View, *, late: bool) -> Iterator[Step]:
    """Missing images, and those that are to be looked up again for each target.

    Late are those that come only once the old containers of all their services are gone.
    """
    wanting: dict[str, list[WantedContainer]] = {image: [] for image in view.target.prefetch}
    for each in view.target.containers:
        wanting.setdefault(each.image, []).append(each)
    for image, services in sorted(wanting.items()):
        due = _is_due(view.world, image, services) and view.come_late(services) == late
        if due and (not late or view.may_stop()):
            yield PullImage(image)


def _is_due(world: World, image: str, services: list[WantedContainer]) -> bool:
    always = any(each.always_pull for each in services)
    missing = image not in world.images or (always and image not in world.fresh_images)
    return missing and image not in world.held_images


def _purged_containers(view: View) -> Iterator[Step]:
    for found in sorted(_being_purged(view), key=lambda each: each.name):
        if found.service_id not in view.world.held_services:
            yield from _removal(found)


def _purged_volumes(view: View) -> Iterator[Step]:
    """Yield the removal of data, once nothing is left that is known to use it."""
    held = view.world.held_services
    if not any(each.service_id in held for each in _being_purged(view)):
        for name in sorted(view.target.purged_volumes & view.world.volumes):
            if name not in view.world.held_removals:
                yield RemoveVolume(name)


def _being_purged(view: View) -> list[Container]:
    services = view.target.purged_services
    return [each for each in view.world.containers if each.service_id in services]


def _missing_networks_and_volumes(view: View) -> Iterator[Step]:
    """Yield what services need that aren't held: a held one may wait for just this."""
    held = view.world.held_services
    active = [each for each in view.target.containers if each.service_id not in held]
    for name in sorted({net for each in active for net in each.networks}):
        if name not in view.world.networks:
            yield CreateNetwork(name)
    for name in sorted({volume for each in active for volume in each.volumes}):
        if name not in view.world.volumes:
            yield CreateVolume(name)


def _removals(view: View) -> Iterator[Step]:
    """Containers that nobody wants, and replaced ones that have to go before others come."""
    if view.may_stop():
        unwanted = view.unwanted()
        for found in sorted(view.world.containers, key=lambda each: each.name):
            if found in unwanted or view.stands_in_the_way(found):
                yield from _removal(found)


def _service_steps(view: View) -> Iterator[Step]:
    starting: set[str] = set()
    for wanted in _in_order(view.target.containers):
        steps = tuple(_steps_of(view, wanted, frozenset(starting)))
        if any(isinstance(step, StartContainer) for step in steps):
            starting.add(wanted.service_id)
        yield from steps


def _steps_of(view: View, wanted: WantedContainer, starting: frozenset[str]) -> Iterator[Step]:
    found = own_container(view.world, wanted)
    if wanted.service_id in view.world.held_services:
        return
    state = EngineState.CREATED
    if found is not None and not difference(view.world, wanted, found):
        if completed(wanted, found) and wanted.state is ServiceState.RUNNING:
            return
        if _is_to_restart(view, wanted, found):
            yield RestartContainer(wanted.service_id, wanted.name)
            return
        state = found.state
    elif not view.can_create(wanted, found):
        return
    else:
        yield from _way_cleared(view, wanted, found)
        yield CreateContainer(wanted.service_id, wanted.name)
    yield from _transition(wanted, state, may_start=view.may_start(wanted, starting))


def _is_to_restart(view: View, wanted: WantedContainer, found: Container) -> bool:
    running = found.state is EngineState.RUNNING and wanted.state is ServiceState.RUNNING
    asked = (found.id, found.started_at) in view.target.restarts
    return running and (asked or found.id in view.world.failing)


def _way_cleared(view: View, wanted: WantedContainer, found: Container | None) -> Iterator[Step]:
    """Yield what lets a new container have the service's name."""
    if found is None or view.stands_in_the_way(found):
        return
    if view.hands_over(wanted, found):
        if found.name != old_name(wanted.name):
            yield RenameContainer(wanted.service_id, found.name, old_name(wanted.name))
        return
    yield from _removal(found)


def _unused_networks(view: View) -> Iterator[Step]:
    gone = view.unwanted() if view.may_stop() else ()
    used = {net for each in view.target.containers for net in each.networks}
    used |= {net for e in view.world.containers if e not in gone for net in e.networks}
    for name in sorted(view.world.networks.keys() - used - view.world.held_networks):
        yield RemoveNetwork(name)


def _unused_images(view: View, *, settled: bool) -> Iterator[Step]:
    """Images that this device brought: at leisure those that nothing may need again.

    Where an image waits for room, all that aren't wanted by this very target.
    """
    target, world = view.target, view.world
    wanted = {each.image for each in target.containers} | target.prefetch
    if not view.deletes_first():
        if target.kept_images is None or not settled:
            return
        wanted |= target.kept_images
    in_use = {each.image_id for each in world.containers}
    for image, image_id in sorted(world.own_images.items()):
        if image not in wanted | world.held_removals and image_id not in in_use:
            yield RemoveImage(image)


def _removal(found: Container) -> Iterator[Step]:
    if found.state is EngineState.PAUSED:
        yield UnpauseContainer(found.service_id, found.name)
    if found.state in UP:
        yield StopContainer(found.service_id, found.name)
    yield RemoveContainer(found.service_id, found.name)


def _transition(wanted: WantedContainer, state: EngineState, *, may_start: bool) -> Iterator[Step]:
    """Yield the way from the engine's state to the wanted one; the container keeps its id."""
    service = (wanted.service_id, wanted.name)
    if wanted.state is ServiceState.STOPPED:
        if state is EngineState.PAUSED:
            yield UnpauseContainer(*service)
        if state in UP:
            yield StopContainer(*service)
        return
    if state not in UP:
        if not may_start:
            return
        yield StartContainer(*service)
    if wanted.state is ServiceState.PAUSED and state not in (
        EngineState.PAUSED,
        EngineState.RESTARTING,
    ):
        yield PauseContainer(*service)
    if wanted.state is ServiceState.RUNNING and state is EngineState.PAUSED:
        yield UnpauseContainer(*service)


def _in_order(containers: tuple[WantedContainer, ...]) -> list[WantedContainer]:
    """Return services after those that they depend on; else by app and name."""
    by_key = {(each.app_id, each.service_name): each for each in containers}
    waits = {key: {(key[0], name) for name in each.depends_on} for key, each in by_key.items()}
    waits = {key: needed & by_key.keys() for key, needed in sorted(waits.items())}
    try:
        order = list(graphlib.TopologicalSorter(waits).static_order())
    except graphlib.CycleError:
        order = list(waits)
    return [by_key[key] for key in order]


def _shown_world(world: World) -> Mapping[str, object]:
    return {
        each.name: {"state": str(each.state), "image": each.image_id, "config": each.config_hash}
        for each in sorted(world.containers, key=lambda each: each.name)
    }


def _shown_target(target: Target) -> Mapping[str, object]:
    return {
        each.name: {"state": each.state, "image": each.image, "config": each.config_hash}
        for each in sorted(target.containers, key=lambda each: each.name)
    }
