"""What a planner of containers asks of both sides: what is there, and what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..target_state import DependsOn, ServiceState, UpdateStrategy
from .container_match import (
    UP,
    base_of,
    completed,
    difference,
    is_healthy,
    old_name,
    own_container,
)
from .container_world import Container, EngineState, Target, WantedContainer, World

__all__ = ["View"]

_MAKING_ROOM = (UpdateStrategy.KILL_THEN_DOWNLOAD, UpdateStrategy.DELETE_THEN_DOWNLOAD)


@dataclass(frozen=True, slots=True)
class View:
    """One look at both sides."""

    world: World
    target: Target

    # --- images ------------------------------------------------------------------------------

    def strategy(self, wanted: WantedContainer) -> UpdateStrategy:
        """Return how the service is updated; where the disk can't hold both, the old goes first."""
        if wanted.image in self.world.cramped_images:
            return UpdateStrategy.DELETE_THEN_DOWNLOAD
        if wanted.update_strategy is UpdateStrategy.HAND_OVER and wanted.ports:
            return UpdateStrategy.DOWNLOAD_THEN_KILL
        return wanted.update_strategy

    def makes_room(self, wanted: WantedContainer) -> bool:
        """Tell whether its old container goes before its new image comes."""
        return (
            self.strategy(wanted) in _MAKING_ROOM
            and wanted.image not in self.world.images
            and self.may_stop()
        )

    def come_late(self, services: Sequence[WantedContainer]) -> bool:
        """Tell whether the image that ``services`` want comes after their containers are gone."""
        missing = [each for each in services if each.image not in self.world.images]
        return bool(missing) and all(self.strategy(each) in _MAKING_ROOM for each in missing)

    def may_stop(self) -> bool:
        """Tell whether each wanted image is there, or is pulled first by this very plan.

        Services that make room for their image don't count: they are stopped for it.
        """
        return not any(
            self.lacks_image(each)
            for each in self.target.containers
            if self.strategy(each) not in _MAKING_ROOM
        )

    def lacks_image(self, wanted: WantedContainer) -> bool:
        """Tell whether its image is neither there nor comes by this plan.

        One of a moving tag that is being looked up may be another one than that which is there.
        """
        image = wanted.image
        stale = wanted.always_pull and image in self.world.coming_images
        return (stale or image not in self.world.images) and image in self.world.held_images

    def awaits_images(self) -> bool:
        """Tell whether images are on their way, or are to come before anything is stopped."""
        return any(
            each.image in self.world.coming_images
            or (each.image not in self.world.images and self.strategy(each) not in _MAKING_ROOM)
            for each in self.target.containers
        )

    def deletes_first(self) -> bool:
        """Tell whether an image waits for the room that others take."""
        return any(
            self.strategy(each) is UpdateStrategy.DELETE_THEN_DOWNLOAD
            and each.image not in self.world.images
            for each in self.target.containers
        )

    # --- containers --------------------------------------------------------------------------

    def wanted_of(self, found: Container) -> WantedContainer | None:
        """Return the service that ``found`` stands for, None when it stands for none."""
        return next(
            (e for e in self.target.containers if own_container(self.world, e) == found), None
        )

    def unwanted(self) -> tuple[Container, ...]:
        """Return the containers that stand for nothing that is wanted."""
        kept = [own_container(self.world, each) for each in self.target.containers]
        left = self.left()
        return tuple(
            each
            for each in self.world.containers
            if each not in kept and each.service_id not in left and not self._goes_on(each)
        )

    def _goes_on(self, found: Container) -> bool:
        """Tell whether its successor isn't healthy yet, and nobody needs its ports."""
        return any(
            found.name == old_name(each.name)
            and self.strategy(each) is UpdateStrategy.HAND_OVER
            and each.state is ServiceState.RUNNING
            and not is_healthy(self.world, each)
            for each in self.target.containers
        ) and not any(found.ports & each.ports for each in self.target.containers)

    def left(self) -> frozenset[str]:
        """Return the services whose containers no other service's steps touch.

        They are refused, held, or being purged.
        """
        refused = frozenset(each.service_id for each in self.target.refused)
        return refused | self.world.held_services | self.target.purged_services

    def stands_in_the_way(self, found: Container) -> bool:
        """Tell whether it is replaced anyway, and has to go before others come.

        It holds a port or name that another service wants, or makes room for its own image.
        """
        wanted = self.wanted_of(found)
        if wanted is None or wanted.service_id in self.world.held_services:
            return False
        if difference(self.world, wanted, found) is None:
            return False
        others = [each for each in self.target.containers if each is not wanted]
        needed = any(found.ports & each.ports or found.name == each.name for each in others)
        return needed or self.makes_room(wanted)

    def hands_over(self, wanted: WantedContainer, found: Container) -> bool:
        """Tell whether ``found`` goes on until its successor is healthy."""
        old = old_name(wanted.name)
        taken = any(each.name == old for each in self.world.containers if each is not found)
        return (
            self.strategy(wanted) is UpdateStrategy.HAND_OVER
            and wanted.state is ServiceState.RUNNING
            and found.state is EngineState.RUNNING
            and not any(found.ports & each.ports for each in self.target.containers)
            and not taken
        )

    def can_create(self, wanted: WantedContainer, found: Container | None) -> bool:
        """Tell whether image, name and shared network are there, and what stood there may go."""
        holder = next((e for e in self.world.containers if e.name == wanted.name), None)
        in_the_way = found if holder is None else holder
        if in_the_way is not None and not self.may_stop():
            return False
        if holder is not None and holder is not found and holder.service_id in self.left():
            return False
        return not self.lacks_image(wanted) and not self._lacks_base(wanted)

    def may_start(self, wanted: WantedContainer, starting: frozenset[str]) -> bool:
        """Tell whether its ports are free and what it waits for is so."""
        own = own_container(self.world, wanted)
        staying = (e for e in self.world.containers if e != own and self._stays(e))
        if any(each.state in UP and each.ports & wanted.ports for each in staying):
            return False
        return all(
            self._holds(name, condition, wanted.app_id, starting)
            for name, condition in wanted.depends_on.items()
        )

    def _stays(self, found: Container) -> bool:
        return not self.may_stop() or found.service_id in self.left()

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

    def _lacks_base(self, wanted: WantedContainer) -> bool:
        """Tell whether the container whose network it is to share isn't up yet."""
        base = base_of(self.world, wanted)
        return wanted.network_service is not None and (base is None or base.state not in UP)
