"""Which target a device applies, and whether its newest one is kept.

A new target is a candidate. It is committed once what it changed has been healthy for a while;
else the last committed one applies again, and the candidate is remembered as failed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.choice import Choice
from iotistic_agent.configuration import Configuration
from iotistic_agent.logs import Component, log
from iotistic_agent.retries import Retry
from iotistic_agent.steadiness import Steadiness
from iotistic_contract.device_target import read_target
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths, target_from
from iotistic_contract.planning.containers import Step, Target, World
from iotistic_contract.planning.holds import holds
from iotistic_contract.planning.local_overrides import (
    ended,
    laid_over,
    live,
    next_end,
    purged,
    waiting_for,
)
from iotistic_contract.planning.policy import Policy
from iotistic_contract.planning.release import (
    Commit,
    Fault,
    GiveUp,
    Patience,
    Trial,
    Wait,
    awaits_images,
    gated_services,
    held_target,
    judge,
    patience_for,
)

__all__ = ["Releases"]


class Releases:
    """The targets of one device, and the trial of its candidate."""

    def __init__(  # noqa: PLR0913 -- its collaborators
        self,
        *,
        store: Store,
        device: Device,
        host: Callable[[Policy], HostPaths],
        policy: Callable[[], tuple[Policy, str | None]],
        configured: Callable[[], Configuration],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._device = device
        self._host = host
        self._policy = policy
        self._configured = configured
        self._now = now
        self._monotonic = monotonic
        self._meanings: dict[tuple[str, str | None, HostPaths], Target] = {}
        self._began: dict[str, float] = {}
        self.steadiness = Steadiness()
        store.targets.count_boot()

    async def choose(self) -> Choice | None:
        """Return what applies; None as long as no target was ever written for the device."""
        newest = self._store.targets.wanted()
        if newest is None or newest.document.get("apps") is None:
            return None
        policy, policy_hash = self._policy()
        host = await asyncio.to_thread(self._host, policy)
        stored = self._store.targets.slot("committed")
        is_candidate = stored is None or stored.etag != newest.etag
        meaning = self._meaning(newest, policy, policy_hash, host)
        committed = None if stored is None else self._meaning(stored, policy, policy_hash, host)
        may_be_held = is_candidate and not self._store.targets.has_begun(newest.etag)
        held = self._holds() if may_be_held and committed is not None else ()
        target = meaning
        if held and committed is not None:
            target = held_target(meaning, committed)
        own = target if is_candidate else replace(target, kept_images=self._kept())
        actions, now = self._store.local_overrides.all(), self._now()
        return Choice(
            stored=newest,
            target=laid_over(own, actions, now),
            is_candidate=is_candidate,
            committed=committed,
            pins={} if stored is None else self._store.targets.images(stored.etag),
            held=held,
            policy_hash=policy_hash,
            own=own,
            actions=actions,
            overrides=live(actions.overrides, own, now),
            purged=purged(own, actions),
        )

    def forget_ended(self, choice: Choice, world: World) -> bool:
        """Forget what was asked for at the device and is over; tell whether there was any.

        The states of a candidate count only once it is committed.
        """
        stays = not choice.is_candidate
        over = ended(choice.actions, choice.own, world, self._now(), stays=stays)
        return self._store.local_overrides.forget(over) > 0

    def step_ahead(self, choice: Choice, step: Step, world: World) -> None:
        """Note that ``step`` is about to be done.

        The first of a service that a candidate changes or drops begins its trial: from then on
        nobody holds that.
        """
        if not choice.on_trial or choice.stored.etag in self._began:
            return
        service_id = getattr(step, "service_id", None)
        gated = gated_services(choice.target, choice.committed, world.images, choice.pins)
        known = {each.service_id for each in choice.target.containers}
        if service_id is not None and (service_id in gated or service_id not in known):
            self._began = {choice.stored.etag: self._monotonic()}
            self._store.targets.begin_trial(choice.stored.etag)

    def verdict(
        self, choice: Choice, world: World, retries: Mapping[tuple[str, str], Retry]
    ) -> Wait | Commit | GiveUp:
        """Return what becomes of the candidate as things are."""
        now, etag = self._monotonic(), choice.stored.etag
        self.steadiness.look(world, choice.target, now)
        if not choice.on_trial or choice.purged:
            return Wait(self._next_end(choice))
        boots = self._store.targets.boots(etag)
        if boots > 0:
            self._began.setdefault(etag, now)
        if etag in self._began and awaits_images(world, choice.target):
            self._began[etag] = now
        began = self._began.get(etag)
        trial = Trial(
            gated=gated_services(choice.target, choice.committed, world.images, choice.pins)
            - waiting_for(choice.target, choice.overrides),
            age=None if began is None else now - began,
            steady=self.steadiness.seconds(now),
            faults=_faults(choice.target, retries),
            boots=boots,
            may_go_back=choice.committed is not None,
            looking_up=_is_looking_up(choice.target, world, retries),
        )
        verdict = judge(world, choice.target, trial, self._patience(choice.target))
        end = self._next_end(choice)
        if isinstance(verdict, Wait) and end is not None:
            return replace(verdict, seconds=min(end, verdict.seconds or end))
        return verdict

    def settle(self, choice: Choice, world: World, verdict: Commit | GiveUp) -> None:
        """Make the candidate the committed target, or the failed one; durable when it returns."""
        stored = choice.stored
        match verdict:
            case Commit():
                wanted = {each.image for each in choice.target.containers}
                images = {ref: each for ref, each in world.images.items() if ref in wanted}
                if self._store.targets.commit(stored.etag, images):
                    log(Component.RECONCILER).info(
                        "state-applied", extra={"version": stored.version}
                    )
            case GiveUp(fault):
                if self._store.targets.give_up(stored.etag, fault.type, fault.message):
                    facts = {"version": stored.version, "reason": fault.message}
                    log(Component.RECONCILER).error("rolled-back", extra=facts)

    def _meaning(
        self, stored: StoredTarget, policy: Policy, policy_hash: str | None, host: HostPaths
    ) -> Target:
        """Return what a stored target means, worked out once for each target and policy.

        And anew when a path that the policy names becomes a symbolic link, or is one no more.
        """
        key = (stored.etag, policy_hash, host)
        if key not in self._meanings:
            others = [each for each in self._meanings if each[1:] == key[1:]][-1:]
            kept = {each: self._meanings[each] for each in others}
            target = target_from(read_target(stored.document), self._device, policy, host)
            self._meanings = {**kept, key: target}
        return self._meanings[key]

    def _holds(self) -> tuple[str, ...]:
        window = self._configured().update_window
        return holds(self._store.leases.all(), window, self._now())

    def _next_end(self, choice: Choice) -> float | None:
        """Return the seconds to the next end of a lease or of an override."""
        now = self._now()
        ends = [(each.until - now).total_seconds() for each in self._store.leases.all()]
        override = next_end(choice.actions, now)
        return min(ends if override is None else [*ends, override], default=None)

    def _kept(self) -> frozenset[str]:
        """Return the images that may be needed to go back."""
        previous = self._store.targets.slot("previous")
        if previous is None:
            return frozenset()
        reading = read_target(previous.document)
        return frozenset(each.image_name for each in reading.target.services())

    def _patience(self, target: Target) -> Patience:
        configured = self._configured()
        asked = Patience(configured.health_window_ms / 1000, configured.health_timeout_ms / 1000)
        return patience_for(target, asked)


def _is_looking_up(target: Target, world: World, retries: Mapping[tuple[str, str], Retry]) -> bool:
    """Tell whether an image that is asked for with each target wasn't yet, not even in vain."""
    always = {each.image for each in target.containers if each.always_pull}
    return any(("image", image) not in retries for image in always - world.fresh_images)


def _faults(target: Target, retries: Mapping[tuple[str, str], Retry]) -> dict[str, Fault]:
    found = {}
    for each in target.containers:
        retry = retries.get(("service", each.service_id))
        if retry is not None:
            found[each.service_id] = Fault(retry.type, retry.message, retry.backoff.failures)
    return found
