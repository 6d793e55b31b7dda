"""Which of its targets a device applies, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from iotistic_agent.adapters.store import StoredTarget
from iotistic_contract.planning.containers import Target, WantedContainer, World
from iotistic_contract.planning.local_overrides import LocalActions, LocalOverride

__all__ = ["Choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What applies now.

    ``stored`` is the newest target that wasn't given up, ``held`` says why it has to wait, and
    then ``target`` is still what was committed. ``pins`` are the image ids of that. ``actions`` are
    asked for at the device and laid over ``own``, which is ``target`` without them; ``overrides``
    are those that hold, by service id. The services ``purged`` aren't in ``target`` meanwhile.
    """

    stored: StoredTarget
    target: Target
    is_candidate: bool = False
    committed: Target | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    policy_hash: str | None = None
    own: Target = field(default_factory=Target)
    actions: LocalActions = field(default_factory=LocalActions)
    overrides: Mapping[str, LocalOverride] = field(default_factory=dict)
    purged: tuple[WantedContainer, ...] = ()

    @property
    def on_trial(self) -> bool:
        """Whether it is a candidate that applies, and not one that waits."""
        return self.is_candidate and not self.held

    def references(self) -> frozenset[str]:
        """Return the images that are wanted, now or soon."""
        return frozenset(each.image for each in self.target.containers) | self.target.prefetch

    def images(self) -> frozenset[str]:
        """Return all references, and pinned ids, that the engine is to be asked for."""
        return self.references() | frozenset(self.pins.values())

    def seen(self, world: World) -> World:
        """Return ``world`` as this target is to see it.

        Committed images are those with the ids of then, whatever their tags mean by now, and
        aren't looked up again.
        """
        if self.on_trial:
            return world
        there = {ref: each for ref, each in self.pins.items() if each in world.images.values()}
        return replace(
            world,
            images={**world.images, **there},
            fresh_images=world.fresh_images | there.keys(),
        )
