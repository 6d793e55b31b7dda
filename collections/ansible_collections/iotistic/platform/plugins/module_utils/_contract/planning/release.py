# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Whether a new target is kept: it is a candidate until what it changed has proven itself.

A candidate is committed once each service that it changed has been healthy for a while, and given
up, for the last committed target, when one shows that it won't be.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..target_state import ServiceState
from .container_match import difference, is_as_wanted, own_container
from .container_view import View
from .container_world import Container, EngineState, Target, WantedContainer, World

__all__ = [
    "Commit",
    "Fault",
    "GiveUp",
    "Patience",
    "Trial",
    "Wait",
    "awaits_images",
    "gated_services",
    "held_target",
    "judge",
    "patience_for",
]

TIMES = 3
"""So often a service may fail to be made, or end by itself, before its release has failed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """``window``: seconds of health that commit a release; ``timeout``: seconds to reach that."""

    window: float
    timeout: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What a service fails with: the report's word and a sentence; ``count`` times in a row."""

    type: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a candidate has gone so far.

    ``gated`` are the ids of the services that it changed. ``age`` is in seconds since the first
    step that touched one of them and since its images are there, None before. ``steady`` says by
    service for how many seconds it has been healthy without a break. ``boots`` counts the agent's
    starts in the middle of it.
    ``looking_up``: an image of a moving tag hasn't been asked for yet.
    """

    gated: frozenset[str] = frozenset()
    age: float | None = None
    steady: Mapping[str, float] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    boots: int = 0
    may_go_back: bool = False
    looking_up: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is decided; look again after ``seconds`` at the latest, if that is said."""

    seconds: float | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """The candidate holds."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Back to the last committed target."""

    fault: Fault


MOST_BOOTS = 5
_S1 = 1_000_000_000
_S30 = 30 * _S1


def gated_services(
    candidate: Target, committed: Target | None, images: Mapping[str, str], pins: Mapping[str, str]
) -> frozenset[str]:
    """Return the ids of services to run that ``candidate`` changes: new ones, and new releases.

    A start, stop, pause or mere restart changes none. ``images`` maps references to ids as they
    are, ``pins`` as they were committed.
    """
    before = {each.service_id: each for each in committed.containers} if committed else {}
    return frozenset(
        each.service_id
        for each in candidate.containers
        if each.state is ServiceState.RUNNING
        and _differs(each, before.get(each.service_id), images, pins)
    )


def _differs(
    wanted: WantedContainer,
    before: WantedContainer | None,
    images: Mapping[str, str],
    pins: Mapping[str, str],
) -> bool:
    if before is None or wanted.release_hash != before.release_hash:
        return True
    now = images.get(wanted.image)
    return now is not None and pins.get(wanted.image, now) != now


def judge(world: World, target: Target, trial: Trial, patience: Patience) -> Wait | Commit | GiveUp:
    """Return what becomes of the candidate ``target`` as things are in ``world``."""
    gated = [each for each in target.containers if each.service_id in trial.gated]
    fault = next(_broken(world, gated, trial), None)
    if trial.may_go_back and fault is not None:
        return GiveUp(fault)
    waits = [patience.window - trial.steady.get(each.service_id, 0.0) for each in gated]
    longest = max(waits, default=0.0)
    if trial.may_go_back and _is_too_old(trial, patience):
        return Commit() if longest <= 0 else GiveUp(_never_healthy(gated, trial, patience))
    if trial.looking_up or not all(is_as_wanted(world, each) for each in target.containers):
        return Wait(_left(trial, patience), fault)
    return Commit() if longest <= 0 else Wait(longest, fault)


def awaits_images(world: World, target: Target) -> bool:
    """Tell whether the time of a trial stands still, for images that aren't there yet."""
    return View(world, target).awaits_images()


def patience_for(target: Target, asked: Patience) -> Patience:
    """Return ``asked`` with time for the slowest start that a service's own checks allow."""
    slowest = max((_slowest_start(each) for each in target.containers), default=0.0)
    return Patience(asked.window, max(asked.timeout, slowest + asked.window))


def _slowest_start(wanted: WantedContainer) -> float:
    """Return the seconds after which its health checks have surely told how it is."""
    check = wanted.body.get("Healthcheck") or {}
    tries = check.get("Retries", 3) * (check.get("Interval", _S30) + check.get("Timeout", _S30))
    docker = (check.get("StartPeriod", 0) + tries) / _S1 if check.get("Test") else 0.0
    probes = (wanted.probes.startup, wanted.probes.readiness, wanted.probes.liveness)
    return docker + sum(
        each.initial_delay_seconds
        + (each.failure_threshold + each.success_threshold)
        * (each.period_seconds + each.timeout_seconds)
        for each in probes
        if each is not None
    )


def held_target(candidate: Target, committed: Target) -> Target:
    """Return what applies while updates are held: the committed releases, in the new states.

    Services that only the candidate has wait, those that it drops stay; its images come meanwhile.
    """
    newer = {each.service_id: each for each in candidate.containers}
    kept = tuple(
        newer[each.service_id]
        if each.service_id in newer and newer[each.service_id].release_hash == each.release_hash
        else each
        for each in committed.containers
    )
    missing = {each.image for each in candidate.containers}
    return Target(containers=kept, refused=committed.refused, prefetch=frozenset(missing))


def _broken(world: World, gated: Iterable[WantedContainer], trial: Trial) -> Iterator[Fault]:
    """Yield why a changed service won't become healthy by waiting."""
    for wanted in gated:
        fault = trial.faults.get(wanted.service_id)
        if fault is not None and fault.count >= TIMES:
            yield Fault(fault.type, f"{wanted.service_name}: {fault.message}", fault.count)
        found = own_container(world, wanted)
        if found is None or difference(world, wanted, found):
            continue  # it is the former release's
        why = _unwell(found)
        if why is not None:
            yield Fault("health", f"{wanted.service_name}: {why}")
    if trial.boots >= MOST_BOOTS:
        yield Fault("health", f"the agent was started {trial.boots} times before it was committed")


def _unwell(found: Container) -> str | None:
    if found.state is EngineState.RUNNING and found.health == "unhealthy":
        return "the container is unhealthy"
    if found.restarts >= TIMES:
        return f"the container ended {found.restarts} times, last with code {found.exit_code}"
    return None


def _is_too_old(trial: Trial, patience: Patience) -> bool:
    return trial.age is not None and trial.age >= patience.timeout


def _left(trial: Trial, patience: Patience) -> float | None:
    if trial.age is None or not trial.may_go_back:
        return None
    return max(0.0, patience.timeout - trial.age)


def _never_healthy(gated: list[WantedContainer], trial: Trial, patience: Patience) -> Fault:
    late = [e.service_name for e in gated if trial.steady.get(e.service_id, 0) < patience.window]
    last = next((trial.faults[e.service_id] for e in gated if e.service_id in trial.faults), None)
    who = ", ".join(late) or "the release"
    why = f" ({last.message})" if last else ""
    return Fault("health", f"{who} not healthy after {patience.timeout:.0f} s{why}")
