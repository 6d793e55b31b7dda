"""What the reconcile loop works with: one look, one step."""

import asyncio
import time
from dataclasses import replace

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.store import Store
from iotistic_agent.choice import Choice
from iotistic_agent.faults import EngineFault, Overtaken
from iotistic_agent.logs import Component, log
from iotistic_agent.probing import Prober
from iotistic_agent.pulls import Pulls
from iotistic_agent.releases import Releases
from iotistic_agent.retries import Retries
from iotistic_agent.signals import Situation
from iotistic_contract.planning.containers import (
    Container,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    EngineState,
    PullImage,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RestartContainer,
    StartContainer,
    Step,
    StopContainer,
    Target,
    WantedContainer,
    World,
)
from iotistic_contract.planning.local_overrides import LocalActions, Purge
from iotistic_contract.planning.release import Commit, GiveUp, Wait

__all__ = ["Workshop"]

_OVERCOME = 60.0
_SHORTEST_LIFE, _SHORT_LIVES, _KILLED_LIVES = 2.0, 3, 20
_BY_SIGNAL = frozenset({137, 143})
_MOMENT, _TIMES_OVERTAKEN = 0.05, 60


class Workshop:
    """Looks at the engine and carries out steps for one device."""

    def __init__(  # noqa: PLR0913 -- its collaborators
        self,
        *,
        store: Store,
        engine: DockerEngine,
        releases: Releases,
        retries: Retries,
        pulls: Pulls,
        prober: Prober,
    ) -> None:
        self._store = store
        self._engine = engine
        self._releases = releases
        self._retries = retries
        self._pulls = pulls
        self._prober = prober
        self._applied: tuple[str, bool] | None = None
        self._images = frozenset[str]()
        self._actions = LocalActions()
        self._last: Step | None = None
        self._times_overtaken = 0
        self.looks = 0
        self.look_seconds: float | None = None
        self._started: dict[str, float] = {}
        self._short_lives: dict[str, int] = {}
        self._mourned: dict[str, str | None] = {}

    async def look(self) -> Situation:
        """Return the situation as it is now, and note how long that took."""
        began = time.monotonic()
        situation = await self._look()
        self.looks += 1
        self.look_seconds = time.monotonic() - began
        seconds = round(self.look_seconds, 4)
        log(Component.RECONCILER).debug("looked", extra={"seconds": seconds})
        return situation

    async def _look(self) -> Situation:
        choice = await self._releases.choose()
        self._begin_anew(choice)
        fault, world = None, World()
        try:
            images = frozenset[str]() if choice is None else choice.images()
            world = await asyncio.to_thread(self._engine.observe, images)
        except EngineFault as exc:
            fault = str(exc)
        if choice is not None:
            self._want(choice.references())
            world = self._seen(choice, world)
        verdict: Wait | Commit | GiveUp = Wait()
        if choice is not None and fault is None:
            if self._releases.forget_ended(choice, world):
                return await self._look()
            verdict = self._releases.verdict(choice, world, self._retries.all())
            self._forget_overcome(choice)
        return self._situation(choice, world, fault, verdict)

    async def carry_out(self, step: Step, choice: Choice, world: World) -> None:
        """Do one step of the way from ``world``; a failure is noted for its next try."""
        if isinstance(step, PullImage):
            self._pulls.begin(step.image)
            return
        self._releases.step_ahead(choice, step, world)
        wanted = self._wanted(step, choice.target)
        try:
            self._check_not_crashing(step, world)
            await asyncio.to_thread(self._engine.carry_out, step, _pinned(wanted, choice))
        except Overtaken as exc:
            await self._overtaken(step, choice.target, exc)
        except EngineFault as exc:
            self._failed(step, choice.target, exc)
        else:
            self._done(step, choice)

    def settle(self, situation: Situation, verdict: Commit | GiveUp) -> None:
        """Make the candidate the committed target, or leave it; durable when it returns."""
        if situation.choice is not None:
            self._releases.settle(situation.choice, situation.world, verdict)

    def _begin_anew(self, choice: Choice | None) -> None:
        """Forget failures when another target applies, or one that was held until now."""
        applied = None if choice is None else (choice.stored.etag, choice.on_trial)
        if applied != self._applied and applied is not None:
            self._retries.forget_all()
            if self._applied is None or self._applied[0] != applied[0]:
                self._pulls.begin_anew()
            self._applied = applied
        self._heed(LocalActions() if choice is None else choice.actions)

    def _heed(self, actions: LocalActions) -> None:
        """Let nothing that failed before keep a person waiting who asks for something now."""
        for each in actions.all() - self._actions.all():
            if not isinstance(each, Purge):
                self._retries.overcome("service", each.service_id)
                self._short_lives.pop(each.service_id, None)
        self._actions = actions

    def _want(self, images: frozenset[str]) -> None:
        """Stop pulls that nothing wants any more."""
        if images != self._images:
            self._images = images
            self._pulls.want(images)

    def _seen(self, choice: Choice, world: World) -> World:
        world = _with_pulls(self._retries.held(world), self._pulls)
        return self._prober.seen(choice.seen(world), choice.target)

    def _forget_overcome(self, choice: Choice) -> None:
        """Forget the failures of what has been healthy for long."""
        steady = self._releases.steadiness.seconds(time.monotonic())
        for each in choice.target.containers:
            if steady.get(each.service_id, 0.0) >= _OVERCOME:
                self._retries.overcome("service", each.service_id)

    def _situation(
        self,
        choice: Choice | None,
        world: World,
        fault: str | None,
        verdict: Wait | Commit | GiveUp,
    ) -> Situation:
        committed = self._store.targets.slot("committed")
        return Situation(
            choice=choice,
            applied_version=None if committed is None else committed.version,
            failed=self._store.targets.slot("failed"),
            world=world,
            pulling=self._pulls.under_way,
            retries=self._retries.all(),
            engine_fault=fault,
            verdict=verdict,
        )

    def _wanted(self, step: Step, target: Target) -> WantedContainer | None:
        name = getattr(step, "name", None)
        return next((each for each in target.containers if each.name == name), None)

    def _check_not_crashing(self, step: Step, world: World) -> None:
        """Raise when a container has ended by itself right after each of its last starts.

        And once for each life that ended with an error: nobody else waits between such starts.
        """
        if not isinstance(step, StartContainer):
            return
        ended = _failed_life(world, step.name)
        if ended is not None and self._mourned.get(step.service_id) != ended.started_at:
            self._mourned[step.service_id] = ended.started_at
            raise EngineFault("start", f"the container ended with code {ended.exit_code}")
        service_id = step.service_id
        started = self._started.get(service_id)
        if started is None:
            return
        if time.monotonic() - started >= _SHORTEST_LIFE:
            self._short_lives.pop(service_id, None)
            return
        lives = self._short_lives[service_id] = self._short_lives.get(service_id, 0) + 1
        if lives >= (_KILLED_LIVES if _was_killed(world, step.name) else _SHORT_LIVES):
            del self._started[service_id]
            raise EngineFault("start", "the container ends right after its start")

    async def _overtaken(self, step: Step, target: Target, fault: Overtaken) -> None:
        """Give somebody else's doing a moment to end; a step that it never ends for has failed."""
        self._times_overtaken = self._times_overtaken + 1 if step == self._last else 1
        self._last = step
        if self._times_overtaken > _TIMES_OVERTAKEN:
            self._failed(step, target, fault)
        else:
            await asyncio.sleep(_MOMENT)

    def _failed(self, step: Step, target: Target, fault: EngineFault) -> None:
        for kind, name in _what_waits(step, target):
            self._retries.failed(kind, name, fault)
        facts = {"step": repr(step), "reason": str(fault)}
        log(Component.RECONCILER).warning("step_failed", extra=facts)

    def _done(self, step: Step, choice: Choice) -> None:
        asked = {each.service_id for each in choice.actions.restarts}
        if isinstance(step, RestartContainer) and step.service_id not in asked:
            self._restarted(step)
            return
        log(Component.RECONCILER).info("step_done", extra={"step": repr(step)})
        self._last = None
        if isinstance(step, StopContainer | CreateContainer):
            self._started.pop(step.service_id, None)
        if isinstance(step, StartContainer):
            self._started[step.service_id] = time.monotonic()
        elif service_id := getattr(step, "service_id", None):
            self._retries.overcome("service", service_id)

    def _restarted(self, step: RestartContainer) -> None:
        """Let the next restart for a failing probe wait longer each time."""
        why = self._prober.why(step.service_id)
        fault = EngineFault("health", f"restarted: {why}")
        retry = self._retries.failed("service", step.service_id, fault)
        facts = {"service": step.service_id, "reason": why, "next": retry.at.isoformat()}
        log(Component.RECONCILER).warning("restarted_by_probe", extra=facts)


def _pinned(wanted: WantedContainer | None, choice: Choice) -> WantedContainer | None:
    """Let a committed release be made from the image that it was committed with."""
    pin = None if wanted is None or choice.on_trial else choice.pins.get(wanted.image)
    if wanted is None or pin is None:
        return wanted
    return replace(wanted, body={**wanted.body, "Image": pin})


def _failed_life(world: World, name: str) -> Container | None:
    """Return the container if it ended by itself, with an error."""
    found = next((each for each in world.containers if each.name == name), None)
    if found is None or found.state is not EngineState.EXITED:
        return None
    return None if found.exit_code in (None, 0, *_BY_SIGNAL) else found


def _was_killed(world: World, name: str) -> bool:
    """Tell whether the container ended by SIGKILL or SIGTERM, as when somebody stops it."""
    return any(each.name == name and each.exit_code in _BY_SIGNAL for each in world.containers)


def _with_pulls(world: World, pulls: Pulls) -> World:
    """Hold images on their way, and note those that were looked up for this target."""
    return replace(
        world,
        held_images=world.held_images | pulls.under_way,
        fresh_images=frozenset(pulls.fresh),
        cramped_images=frozenset(pulls.cramped),
        coming_images=pulls.under_way,
    )


def _what_waits(step: Step, target: Target) -> list[tuple[str, str]]:
    """Return what must not be tried again at once after ``step`` failed."""
    match step:
        case CreateNetwork(name):
            using = [each.service_id for each in target.containers if name in each.networks]
            return [("service", service_id) for service_id in using]
        case CreateVolume(name):
            using = [each.service_id for each in target.containers if name in each.volumes]
            return [("service", service_id) for service_id in using]
        case RemoveNetwork(name):
            return [("network", name)]
        case PullImage(image):
            return [("image", image)]
        case RemoveImage(name) | RemoveVolume(name):
            return [("removal", name)]
        case _:
            return [("service", step.service_id)]
