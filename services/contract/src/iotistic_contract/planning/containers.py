"""What brings the containers of a device from what is there to what is wanted.

The order holds a promise: all images are there before anything is stopped, and no volume is
ever removed. Whoever carries a plan out runs its first step, observes, and plans again.
"""

import graphlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..target_state import DependsOn, ServiceState
from .container_steps import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PauseContainer,
    PullImage,
    RemoveContainer,
    RemoveNetwork,
    StartContainer,
    Step,
    StopContainer,
    UnpauseContainer,
)
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
    "RemoveNetwork",
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
    "own_container",
    "plan",
]

_UP = frozenset({EngineState.RUNNING, EngineState.PAUSED, EngineState.RESTARTING})


def plan(actual: World, desired: Target) -> Plan:
    """Return all steps from ``actual`` to ``desired``; none when nothing can or must be done."""
    view = _View(actual, desired)
    return Plan(
        before=_shown_world(actual),
        after=_shown_target(desired),
        steps=(
            *view.pulls(),
            *view.missing_networks_and_volumes(),
            *view.removals(),
            *view.service_steps(),
            *view.unused_networks(),
        ),
    )


def own_container(world: World, wanted: WantedContainer) -> Container | None:
    """Return the one container that stands for ``wanted``: the well-named one before others."""
    of_service = [each for each in world.containers if each.service_id == wanted.service_id]
    of_service.sort(key=lambda each: (each.name != wanted.name, each.name))
    return of_service[0] if of_service else None


def difference(world: World, wanted: WantedContainer, found: Container) -> str | None:
    """Return what of ``found`` forces another container (a word for people), None if nothing."""
    if found.state in (EngineState.DEAD, EngineState.REMOVING):
        return "state"
    if found.name != wanted.name:
        return "name"
    if found.config_hash != wanted.config_hash:
        return "config"
    if found.image_id != world.images.get(wanted.image, found.image_id):
        return "image"
    return _network_difference(world, wanted, found)


def base_of(world: World, wanted: WantedContainer) -> Container | None:
    """Return the container whose network ``wanted`` is to share, None when there is none."""
    if wanted.network_service is None:
        return None
    name = wanted.name.removesuffix(wanted.service_name) + wanted.network_service
    return next((each for each in world.containers if each.name == name), None)


def _network_difference(world: World, wanted: WantedContainer, found: Container) -> str | None:
    """Name the network that is gone, was made anew, or isn't connected."""
    base = base_of(world, wanted)
    if base is not None and found.network_of not in (base.id, base.name):
        return f"network of {wanted.network_service}"
    for network in wanted.networks:
        known = world.networks.get(network)
        if known is None or found.networks.get(network) not in ("", known):
            return f"network {network}"
    return None


def is_as_wanted(world: World, wanted: WantedContainer) -> bool:
    """Tell whether the service is in its wanted state and configuration."""
    found = own_container(world, wanted)
    if found is None or difference(world, wanted, found):
        return False
    match wanted.state:
        case ServiceState.STOPPED:
            return found.state not in _UP
        case ServiceState.PAUSED:
            return found.state is EngineState.PAUSED
    return found.state is EngineState.RUNNING or completed(wanted, found)


def completed(wanted: WantedContainer, found: Container) -> bool:
    """Tell whether a service that runs once has done so with success."""
    return wanted.runs_once and found.state is EngineState.EXITED and found.exit_code == 0


@dataclass(frozen=True, slots=True)
class _View:
    """One look at both sides."""

    world: World
    target: Target

    def pulls(self) -> Iterator[Step]:
        """Missing images, and those that are to be looked up again for each target."""
        for image in sorted({each.image for each in self.target.containers}):
            always = any(e.always_pull for e in self.target.containers if e.image == image)
            due = image not in self.world.images or (
                always and image not in self.world.fresh_images
            )
            if due and image not in self.world.held_images:
                yield PullImage(image)

    def may_stop(self) -> bool:
        """Tell whether each wanted image is there, or is pulled first by this very plan."""
        return not any(self._lacks_image(each) for each in self.target.containers)

    def missing_networks_and_volumes(self) -> Iterator[Step]:
        """Yield what services need that aren't held: a held one may wait for just this."""
        held = self.world.held_services
        active = [each for each in self.target.containers if each.service_id not in held]
        for name in sorted({net for each in active for net in each.networks}):
            if name not in self.world.networks:
                yield CreateNetwork(name)
        for name in sorted({volume for each in active for volume in each.volumes}):
            if name not in self.world.volumes:
                yield CreateVolume(name)

    def removals(self) -> Iterator[Step]:
        """Containers that nobody wants, and replaced ones that hold a port another one needs."""
        if self.may_stop():
            for found in sorted(self.world.containers, key=lambda each: each.name):
                if found in self._unwanted() or self._stands_in_the_way(found):
                    yield from _removal(found)

    def service_steps(self) -> Iterator[Step]:
        starting: set[str] = set()
        for wanted in _in_order(self.target.containers):
            steps = tuple(self._steps_of(wanted, frozenset(starting)))
            if any(isinstance(step, StartContainer) for step in steps):
                starting.add(wanted.service_id)
            yield from steps

    def unused_networks(self) -> Iterator[Step]:
        gone = self._unwanted() if self.may_stop() else ()
        used = {net for each in self.target.containers for net in each.networks}
        used |= {net for e in self.world.containers if e not in gone for net in e.networks}
        for name in sorted(self.world.networks.keys() - used - self.world.held_networks):
            yield RemoveNetwork(name)

    def _steps_of(self, wanted: WantedContainer, starting: frozenset[str]) -> Iterator[Step]:
        found = own_container(self.world, wanted)
        if wanted.service_id in self.world.held_services:
            return
        state = EngineState.CREATED
        if found is not None and not difference(self.world, wanted, found):
            if completed(wanted, found) and wanted.state is ServiceState.RUNNING:
                return
            state = found.state
        elif not self._can_create(wanted, found):
            return
        else:
            if found is not None and not self._stands_in_the_way(found):
                yield from _removal(found)
            yield CreateContainer(wanted.service_id, wanted.name)
        yield from _transition(wanted, state, may_start=self._may_start(wanted, starting))

    def _can_create(self, wanted: WantedContainer, found: Container | None) -> bool:
        """Tell whether image, name and shared network are there, and what stood there may go."""
        holder = next((e for e in self.world.containers if e.name == wanted.name), None)
        in_the_way = found if holder is None else holder
        if in_the_way is not None and not self.may_stop():
            return False
        if holder is not None and holder is not found and holder.service_id in self._left():
            return False
        return not self._lacks_image(wanted) and not self._lacks_base(wanted)

    def _may_start(self, wanted: WantedContainer, starting: frozenset[str]) -> bool:
        """Tell whether its ports are free and what it waits for is so."""
        own = own_container(self.world, wanted)
        staying = (e for e in self.world.containers if e != own and self._stays(e))
        if any(each.state in _UP and each.ports & wanted.ports for each in staying):
            return False
        return all(
            self._holds(name, condition, wanted.app_id, starting)
            for name, condition in wanted.depends_on.items()
        )

    def _stays(self, found: Container) -> bool:
        return not self.may_stop() or found.service_id in self._left()

    def _holds(
        self, name: str, condition: DependsOn, app_id: str, starting: frozenset[str]
    ) -> bool:
        others = [e for e in self.target.containers if e.app_id == app_id]
        other = next((e for e in others if name in (e.service_name, e.service_id)), None)
        if other is None:
            return False
        found = own_container(self.world, other)
        if condition is DependsOn.STARTED and other.service_id in starting:
            return True
        if found is None or difference(self.world, other, found):
            return False
        match condition:
            case DependsOn.STARTED:
                return found.state is EngineState.RUNNING or completed(other, found)
            case DependsOn.HEALTHY:
                return found.state is EngineState.RUNNING and found.health == "healthy"
        return found.state is EngineState.EXITED and found.exit_code == 0

    def _lacks_image(self, wanted: WantedContainer) -> bool:
        image = wanted.image
        return image not in self.world.images and image in self.world.held_images

    def _lacks_base(self, wanted: WantedContainer) -> bool:
        """Tell whether the container whose network it is to share isn't up yet."""
        base = base_of(self.world, wanted)
        return wanted.network_service is not None and (base is None or base.state not in _UP)

    def _unwanted(self) -> tuple[Container, ...]:
        kept = [own_container(self.world, each) for each in self.target.containers]
        left = self._left()
        return tuple(
            each
            for each in self.world.containers
            if each not in kept and each.service_id not in left
        )

    def _left(self) -> frozenset[str]:
        """Return the services whose containers stay as they are: refused ones, and held ones."""
        refused = frozenset(each.service_id for each in self.target.refused)
        return refused | self.world.held_services

    def _stands_in_the_way(self, found: Container) -> bool:
        """Tell whether it is replaced anyway, and has a port or name that another service wants."""
        wanted = next(
            (e for e in self.target.containers if own_container(self.world, e) == found), None
        )
        if wanted is None or wanted.service_id in self.world.held_services:
            return False
        others = [each for each in self.target.containers if each is not wanted]
        needed = any(found.ports & each.ports or found.name == each.name for each in others)
        return needed and difference(self.world, wanted, found) is not None


def _removal(found: Container) -> Iterator[Step]:
    if found.state is EngineState.PAUSED:
        yield UnpauseContainer(found.service_id, found.name)
    if found.state in _UP:
        yield StopContainer(found.service_id, found.name)
    yield RemoveContainer(found.service_id, found.name)


def _transition(wanted: WantedContainer, state: EngineState, *, may_start: bool) -> Iterator[Step]:
    """Yield the way from the engine's state to the wanted one; the container keeps its id."""
    service = (wanted.service_id, wanted.name)
    if wanted.state is ServiceState.STOPPED:
        if state is EngineState.PAUSED:
            yield UnpauseContainer(*service)
        if state in _UP:
            yield StopContainer(*service)
        return
    if state not in _UP:
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
