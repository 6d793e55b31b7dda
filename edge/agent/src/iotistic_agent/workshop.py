"""What the reconcile loop works with: one look, one step."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.host import as_told_and_as_it_is, links_among
from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.faults import EngineFault, Overtaken
from iotistic_agent.logs import Component, log
from iotistic_agent.retries import Retries
from iotistic_agent.signals import Situation
from iotistic_contract.codec import decode, parse_json
from iotistic_contract.device_target import read_target
from iotistic_contract.errors import ContractFault
from iotistic_contract.planning.container_body import Device
from iotistic_contract.planning.container_target import HostPaths, target_from
from iotistic_contract.planning.containers import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PullImage,
    RemoveNetwork,
    StartContainer,
    Step,
    StopContainer,
    Target,
    WantedContainer,
    World,
)
from iotistic_contract.planning.policy import DENY_ALL, Policy

__all__ = ["Pulls", "Workshop", "read_policy"]

_SHORTEST_LIFE, _SHORT_LIVES, _KILLED_LIVES = 2.0, 3, 20
_BY_SIGNAL = frozenset({137, 143})
_MOMENT, _TIMES_OVERTAKEN = 0.05, 60


def read_policy(path: Path) -> tuple[Policy, str | None]:
    """Return the device's policy and the hash of its file; a file that can't be read denies all."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return DENY_ALL, None
    except OSError as exc:
        log(Component.CONTAINERS).error("policy_unreadable", extra={"reason": str(exc)})
        return DENY_ALL, None
    digest = hashlib.sha256(content).hexdigest()
    try:
        return decode(Policy, parse_json(content)), digest
    except ContractFault as exc:
        log(Component.CONTAINERS).error("policy_unreadable", extra={"reason": str(exc)})
        return DENY_ALL, digest


class Pulls:
    """Images on their way: they come in the background, so that repairs needn't wait."""

    def __init__(self, engine: DockerEngine, retries: Retries, done: Callable[[], None]) -> None:
        self._engine = engine
        self._retries = retries
        self._done = done
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.fresh: set[str] = set()

    @property
    def under_way(self) -> frozenset[str]:
        """The images that are being pulled now."""
        return frozenset(self._tasks)

    def begin(self, image: str) -> None:
        """Pull ``image`` unless that is under way."""
        if image not in self._tasks:
            log(Component.CONTAINERS).info("pull_started", extra={"image": image})
            self._tasks[image] = asyncio.create_task(self._pull(image), name=f"pull {image}")

    async def _pull(self, image: str) -> None:
        try:
            await asyncio.to_thread(self._engine.pull, image)
        except EngineFault as exc:
            retry = self._retries.failed("image", image, EngineFault("pull", str(exc)))
            facts = {"image": image, "reason": str(exc), "next": retry.at.isoformat()}
            log(Component.CONTAINERS).warning("pull_failed", extra=facts)
        else:
            self._retries.overcome("image", image)
            self.fresh.add(image)
            log(Component.CONTAINERS).info("pull_finished", extra={"image": image})
        finally:
            del self._tasks[image]
            self._done()


class Workshop:
    """Looks at the engine and carries out steps for one device."""

    def __init__(  # noqa: PLR0913 -- its collaborators
        self,
        *,
        store: Store,
        engine: DockerEngine,
        device: Device,
        policy_file: Path,
        host: HostPaths,
        retries: Retries,
        pulls: Pulls,
    ) -> None:
        self._store = store
        self._engine = engine
        self._device = device
        self._policy_file = policy_file
        self._host = host
        self._retries = retries
        self._pulls = pulls
        self._etag: str | None = None
        self._target: tuple[tuple[str, str | None, HostPaths], Target] | None = None
        self._last: Step | None = None
        self._times_overtaken = 0
        self._started: dict[str, float] = {}
        self._short_lives: dict[str, int] = {}

    async def look(self) -> Situation:
        """Return the situation as it is now; EngineFault when the engine doesn't tell."""
        stored = self._store.target()
        policy, policy_hash = read_policy(self._policy_file)
        fault, world = None, World()
        try:
            await asyncio.to_thread(self._learn, policy)
        except EngineFault as exc:
            fault = str(exc)
        target = self._meaning(stored, policy, policy_hash)
        images = [] if target is None else [each.image for each in target.containers]
        try:
            world = await asyncio.to_thread(self._engine.observe, images)
        except EngineFault as exc:
            fault = str(exc)
        return self._situation(stored, target, world, fault, policy_hash)

    async def carry_out(self, step: Step, target: Target, world: World) -> None:
        """Do one step of the way from ``world``; a failure is noted for its next try."""
        wanted = self._wanted(step, target)
        if isinstance(step, PullImage):
            self._pulls.begin(step.image)
            return
        try:
            self._check_not_crashing(step, world)
            await asyncio.to_thread(self._engine.carry_out, step, wanted)
        except Overtaken as exc:
            await self._overtaken(step, target, exc)
        except EngineFault as exc:
            self._failed(step, target, exc)
        else:
            self._done(step)

    def committed(self, situation: Situation) -> Situation:
        """Make the applied target the committed one, and return the situation after that."""
        stored = situation.stored
        if stored is None or not self._store.commit(stored.etag):
            return situation
        log(Component.RECONCILER).info("state-applied", extra={"version": stored.version})
        return replace(situation, applied_version=stored.version)

    def _learn(self, policy: Policy) -> None:
        """Look at the links of the paths that the policy names, and ask where the engine's data is.

        Each time anew, for both can change; a policy without paths lets nothing through anyway.
        """
        self._host = replace(self._host, links=links_among(policy.bind_mounts))
        if policy.bind_mounts:
            data = as_told_and_as_it_is(self._engine.data_root())
            self._host = replace(self._host, engine_data=data)

    def _meaning(
        self, stored: StoredTarget | None, policy: Policy, policy_hash: str | None
    ) -> Target | None:
        """Return what the stored target means, worked out once for each target and policy.

        And anew when the host's paths have changed.
        """
        if stored is None or stored.document.get("apps") is None:
            return None
        if stored.etag != self._etag:
            self._etag = stored.etag
            self._retries.forget_all()
            self._pulls.fresh.clear()
        key = (stored.etag, policy_hash, self._host)
        if self._target is None or self._target[0] != key:
            target = target_from(read_target(stored.document), self._device, policy, self._host)
            self._target = (key, target)
        return self._target[1]

    def _situation(
        self,
        stored: StoredTarget | None,
        target: Target | None,
        world: World,
        fault: str | None,
        policy_hash: str | None,
    ) -> Situation:
        committed = self._store.slot("committed")
        return Situation(
            stored=stored,
            applied_version=None if committed is None else committed.version,
            failed=self._store.slot("failed"),
            target=target,
            world=_with_pulls(self._retries.held(world), self._pulls),
            pulling=self._pulls.under_way,
            retries=self._retries.all(),
            engine_fault=fault,
            policy_hash=policy_hash,
        )

    def _wanted(self, step: Step, target: Target) -> WantedContainer | None:
        name = getattr(step, "name", None)
        return next((each for each in target.containers if each.name == name), None)

    def _check_not_crashing(self, step: Step, world: World) -> None:
        """Raise when a container has ended by itself right after each of its last starts."""
        if not isinstance(step, StartContainer):
            return
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

    def _done(self, step: Step) -> None:
        log(Component.RECONCILER).info("step_done", extra={"step": repr(step)})
        self._last = None
        if isinstance(step, StopContainer | CreateContainer):
            self._started.pop(step.service_id, None)
        if isinstance(step, StartContainer):
            self._started[step.service_id] = time.monotonic()
        elif service_id := getattr(step, "service_id", None):
            self._retries.overcome("service", service_id)


def _was_killed(world: World, name: str) -> bool:
    """Tell whether the container ended by SIGKILL or SIGTERM, as when somebody stops it."""
    return any(each.name == name and each.exit_code in _BY_SIGNAL for each in world.containers)


def _with_pulls(world: World, pulls: Pulls) -> World:
    """Hold images on their way, and note those that were looked up for this target."""
    return replace(
        world,
        held_images=world.held_images | pulls.under_way,
        fresh_images=frozenset(pulls.fresh),
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
        case _:
            return [("service", step.service_id)]
