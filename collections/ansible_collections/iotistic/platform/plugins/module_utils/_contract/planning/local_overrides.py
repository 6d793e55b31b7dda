# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What people at a device want of its containers, laid over its target for a while.

A start, stop or pause holds until its end, until it is given back, or until the target's own state
for that service changes. A restart and a purge are done once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..target_state import ServiceState
from .container_world import Container, EngineState, Target, WantedContainer, World

__all__ = [
    "LocalActions",
    "LocalOverride",
    "Purge",
    "Restart",
    "ended",
    "laid_over",
    "live",
    "next_end",
    "purged",
    "waiting_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOverride:
    """``owner`` wants one service in ``state``, until ``until`` or for good (None).

    ``instead_of`` is the target's own state for it at that time.
    """

    service_id: str
    state: ServiceState
    instead_of: ServiceState
    owner: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """``owner`` wants one life of a container ended: it is started anew, and keeps its id."""

    service_id: str
    container_id: str
    started_at: str | None
    owner: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """``owner`` wants an app's containers and these volumes gone once; the app then comes back."""

    app_id: str
    volumes: frozenset[str]
    owner: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalActions:
    """All that is asked for at the device itself."""

    overrides: tuple[LocalOverride, ...] = ()
    restarts: tuple[Restart, ...] = ()
    purges: tuple[Purge, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.overrides or self.restarts or self.purges)

    def all(self) -> frozenset[LocalOverride | Restart | Purge]:
        """Return each of them."""
        return frozenset((*self.overrides, *self.restarts, *self.purges))


def live(
    overrides: Iterable[LocalOverride], target: Target, now: datetime
) -> Mapping[str, LocalOverride]:
    """Return what holds at ``now``, by service id: not past its end, nor past the target's word."""
    states = {each.service_id: each.state for each in target.containers}
    return {
        each.service_id: each
        for each in overrides
        if not _is_past(each, now) and states.get(each.service_id) is each.instead_of
    }


def laid_over(target: Target, actions: LocalActions, now: datetime) -> Target:
    """Return what applies at ``now`` instead of ``target``, the device's own.

    States are set. Services of an app that is purged are left out while that lasts; their images
    are still wanted.
    """
    holding = live(actions.overrides, target, now)
    gone = purged(target, actions)
    staying = tuple(each for each in target.containers if each not in gone)
    return replace(
        target,
        containers=tuple(
            replace(each, state=holding[each.service_id].state)
            if each.service_id in holding
            else each
            for each in staying
        ),
        prefetch=target.prefetch | {each.image for each in gone},
        restarts=frozenset((each.container_id, each.started_at) for each in actions.restarts),
        purged_services=frozenset(each.service_id for each in gone),
        purged_volumes=frozenset(name for each in actions.purges for name in each.volumes),
    )


def waiting_for(target: Target, overrides: Mapping[str, LocalOverride]) -> frozenset[str]:
    """Return the services that can't start: somebody holds back what they depend on, however far.

    ``overrides`` are those that hold, by service id.
    """
    back = {each for each, held in overrides.items() if held.state is not ServiceState.RUNNING}
    waiting: frozenset[str] = frozenset()
    while True:
        names = {
            (each.app_id, name)
            for each in target.containers
            if each.service_id in back | waiting
            for name in (each.service_name, each.service_id)
        }
        found = frozenset(
            each.service_id
            for each in target.containers
            if any((each.app_id, name) in names for name in each.depends_on)
        )
        if found == waiting:
            return waiting
        waiting = found


def purged(target: Target, actions: LocalActions) -> tuple[WantedContainer, ...]:
    """Return the services of ``target`` whose app is being purged."""
    apps = {each.app_id for each in actions.purges}
    return tuple(each for each in target.containers if each.app_id in apps)


def ended(
    actions: LocalActions, target: Target, world: World, now: datetime, *, stays: bool = True
) -> frozenset[LocalOverride | Restart | Purge]:
    """Return what is over, and to be forgotten.

    ``target`` is the device's own; its word ends an override only where it is sure that it stays.
    """
    lives = {
        (each.id, each.started_at) for each in world.containers if each.state is EngineState.RUNNING
    }
    restarted = (e for e in actions.restarts if (e.container_id, e.started_at) not in lives)
    overrides = (
        each for each in actions.overrides if _has_ended(each, target if stays else None, now)
    )
    emptied = (each for each in actions.purges if not any(_left(each, target, world)))
    return frozenset((*restarted, *overrides, *emptied))


def next_end(actions: LocalActions, now: datetime) -> float | None:
    """Return the seconds to the next end of an override, None when none has one."""
    ends = [each.until for each in actions.overrides if each.until is not None]
    return min(((each - now).total_seconds() for each in ends), default=None)


def _is_past(override: LocalOverride, now: datetime) -> bool:
    return override.until is not None and override.until <= now


def _has_ended(override: LocalOverride, target: Target | None, now: datetime) -> bool:
    if _is_past(override, now):
        return True
    if target is None or any(e.service_id == override.service_id for e in target.refused):
        return False
    return override.service_id not in live((override,), target, now)


def _left(purge: Purge, target: Target, world: World) -> Iterator[Container | str]:
    """Yield what a purge has still to remove."""
    ids = {each.service_id for each in target.containers if each.app_id == purge.app_id}
    yield from (each for each in world.containers if each.service_id in ids)
    yield from purge.volumes & world.volumes
