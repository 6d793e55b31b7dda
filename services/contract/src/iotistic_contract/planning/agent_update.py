"""How one release of the agent takes the place of another on a device, cut off anywhere.

Releases lie side by side: the link `current` names the one that is known to work, `new` the one on
trial, `previous` the one before. Whoever starts the agent starts `current`, which tries `new` and
judges it. `new` becomes `current` once it has proven itself, and nothing moves when it doesn't.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..agent_release import Manifest, release_time

__all__ = [
    "STARTS",
    "Begin",
    "Drop",
    "Fail",
    "GiveUp",
    "Health",
    "Install",
    "Link",
    "Point",
    "Releases",
    "RunCurrent",
    "Succeed",
    "Surroundings",
    "Trial",
    "Try",
    "Wait",
    "at_start",
    "is_downgrade",
    "keeping",
    "may_stay",
    "next_step",
    "older",
]

STARTS = 3
"""So often a release on trial is started."""


class Link(StrEnum):
    """Names of the links in the folder of releases."""

    CURRENT = "current"
    PREVIOUS = "previous"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is noted of a release on trial: the order that asked for it, and how it went.

    ``failure`` is a sentence once it was given up.
    """

    order: str
    version: str
    starts: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """What the folder holds: the three links, whole releases by version, the trial's note."""

    current: str
    new: str | None = None
    previous: str | None = None
    whole: frozenset[str] = frozenset()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class RunCurrent:
    """Nothing is on trial: be the agent."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove the link `new`: it is `current` already, was given up, or is no whole release."""


@dataclass(frozen=True, slots=True)
class Try:
    """Note one more start, start `new`, and judge it."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Note that the release on trial has failed."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class Point:
    """Let a link name a version, at one stroke."""

    link: Link
    version: str


def at_start(found: Releases, why: str = "it was cut off in the middle of it") -> object:
    """Return what the current release does next when it is started; again after each step.

    ``why`` is what the last start of the release on trial ended with.
    """
    new, trial = found.new, found.trial
    if new is None:
        return RunCurrent()
    on_trial = trial is not None and trial.version == new and trial.failure is None
    if new == found.current or trial is None or not on_trial or new not in found.whole:
        return Drop()
    if trial.starts < STARTS:
        return Try(Trial(order=trial.order, version=new, starts=trial.starts + 1))
    failure = f"{new} was started {trial.starts} times: {why}"
    return GiveUp(Trial(order=trial.order, version=new, starts=trial.starts, failure=failure))


def keeping(found: Releases) -> Point | Drop | None:
    """Return the next step that makes `new` the current release, None when it is.

    `previous` moves first: whenever this is cut, `current` names a release that works.
    """
    if found.new is None:
        return None
    if found.new == found.current:
        return Drop()
    if found.previous != found.current:
        return Point(Link.PREVIOUS, found.current)
    return Point(Link.CURRENT, found.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a release on trial says of itself."""

    reconciles: bool = False
    engine: bool = False
    cloud: bool = False

    @classmethod
    def of(cls, health: Mapping[str, Any], device: Mapping[str, Any]) -> "Health":
        """Read the answers of the local API's `/health` and `/v2/device`.

        The cloud counts as reached when it has answered a poll.
        """
        checks = _inside(health, "checks")
        connection = _inside(device, "connection")
        return cls(
            reconciles=_inside(checks, "reconciler").get("ok") is True,
            engine=_inside(checks, "engine").get("ok") is True,
            cloud=connection.get("latencyMs") is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Whether the current release, which is known to work, finds the engine and the cloud."""

    engine: bool
    cloud: bool


def may_stay(health: Health | None, there: Surroundings) -> bool:
    """Tell whether a release works as well as one can here; None for one that doesn't answer."""
    if health is None:
        return False
    engine = (health.reconciles and health.engine) or not there.engine
    return engine and (health.cloud or not there.cloud)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done now."""


@dataclass(frozen=True, slots=True)
class Install:
    """Fetch the release and install it beside the others."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Put the installed release on trial and start anew."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class Succeed:
    """The order is done."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The order has failed, and why."""

    reason: str


def next_step(order: str, version: str, found: Releases) -> object:
    """Return what the agent does next for an order to become ``version``."""
    trial = found.trial
    if found.current == version:
        return Succeed()
    if found.new is not None:
        return Wait()
    if trial is not None and trial.order == order and trial.failure is not None:
        return Fail(trial.failure)
    if trial is not None and trial.order == order and trial.starts > 0:
        return Fail("its trial was ended by another install")
    if version not in found.whole:
        return Install()
    return Begin(Trial(order=order, version=version))


def is_downgrade(version: str, released: str | None, wanted: Manifest) -> bool:
    """Tell whether ``wanted`` is older than what is installed.

    ``released`` is the installed release's time in digits, None when nobody noted it; then the
    numbers of the versions decide.
    """
    if released is None:
        return older(wanted.version, version)
    return release_time(wanted.released) < released


def older(version: str, than: str) -> bool:
    """Tell whether the numbers of a version are lower; what stands behind a ``+`` orders nothing.

    A version without numbers is older than none, and none is older than it.
    """
    first, second = _numbers(version), _numbers(than)
    return first is not None and second is not None and first < second


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.partition("+")[0].split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return tuple(map(int, parts))


def _inside(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}
