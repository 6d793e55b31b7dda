"""Asks running containers whether they are up, alive and ready, as their probes say."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace

from iotistic_agent.logs import Component, log
from iotistic_contract.planning.containers import (
    Container,
    EngineState,
    Target,
    WantedContainer,
    World,
    base_of,
    difference,
    own_container,
)
from iotistic_contract.probes import Probe

__all__ = ["Ask", "Prober"]

Ask = Callable[[Container, Probe], str | None]
"""Does one probe of a container, and returns why it failed, None when it didn't. Blocks."""

Life = tuple[str, str | None]


@dataclass
class _Findings:
    """What is known of one life of a container; ``unready``: it was ready once."""

    started: bool
    ready: bool
    unready: bool = False
    alive: bool = True
    why: str = ""

    def health(self) -> str:
        """Return the word for it, as the engine has words for its own checks."""
        if not self.alive:
            return "unhealthy"
        if self.unready:
            return "unready"
        return "healthy" if self.started and self.ready else "starting"


@dataclass
class _Attended:
    service_id: str
    task: "asyncio.Task[None]"
    findings: _Findings
    probes: object


@dataclass
class Prober:
    """The probes of all containers, each life of one asked anew; ``changed`` hears of news."""

    ask: Ask
    changed: Callable[[], None]
    _attended: dict[Life, _Attended] = field(default_factory=dict)

    def seen(self, world: World, target: Target) -> World:
        """Return ``world`` with health as the probes tell it, and attend what runs now."""
        running = dict(_probed(world, target))
        for life in self._attended.keys() - running.keys():
            self._attended.pop(life).task.cancel()
        for life, (wanted, found) in running.items():
            self._attend(life, wanted, found)
        healths = {life: each.findings.health() for life, each in self._attended.items()}
        containers = tuple(
            replace(each, health=_worse(each.health, healths[each.id, each.started_at]))
            if (each.id, each.started_at) in healths
            else each
            for each in world.containers
        )
        failing = frozenset(
            life[0] for life, each in self._attended.items() if not each.findings.alive
        )
        return replace(world, containers=containers, failing=failing)

    def why(self, service_id: str) -> str:
        """Return why the service's container has to be restarted."""
        of_service = (e for e in self._attended.values() if e.service_id == service_id)
        return next((each.findings.why for each in of_service if each.findings.why), "")

    def stop(self) -> None:
        """End all probes."""
        for each in self._attended.values():
            each.task.cancel()
        self._attended.clear()

    def _attend(self, life: Life, wanted: WantedContainer, found: Container) -> None:
        before = self._attended.get(life)
        if before is not None and before.probes == wanted.probes:
            return
        if before is not None:
            before.task.cancel()
        findings = _Findings(
            started=wanted.probes.startup is None, ready=wanted.probes.readiness is None
        )
        task = asyncio.create_task(
            self._all(wanted, found, findings), name=f"probes of {wanted.service_name}"
        )
        self._attended[life] = _Attended(wanted.service_id, task, findings, wanted.probes)

    async def _all(self, wanted: WantedContainer, found: Container, findings: _Findings) -> None:
        """Ask until the container's life ends; startup comes before the others."""
        probes = wanted.probes
        if probes.startup is not None:
            await self._startup(probes.startup, found, findings)
        async with asyncio.TaskGroup() as group:
            if probes.liveness is not None:
                group.create_task(self._liveness(probes.liveness, found, findings))
            if probes.readiness is not None:
                group.create_task(self._readiness(probes.readiness, found, findings))

    async def _startup(self, probe: Probe, found: Container, findings: _Findings) -> None:
        async for verdict, why in self._verdicts(probe, found):
            if verdict:
                findings.started = True
                self._tell(found, "startup", why)
                return
            self._fail(findings, found, "startup", why)

    async def _liveness(self, probe: Probe, found: Container, findings: _Findings) -> None:
        async for verdict, why in self._verdicts(probe, found):
            if not verdict:
                self._fail(findings, found, "liveness", why)
            elif not findings.alive:
                findings.alive = True
                self._tell(found, "liveness", why)

    async def _readiness(self, probe: Probe, found: Container, findings: _Findings) -> None:
        async for verdict, why in self._verdicts(probe, found):
            findings.unready = findings.ready and not verdict
            findings.ready = verdict
            self._tell(found, "readiness", why)

    def _fail(self, findings: _Findings, found: Container, kind: str, why: str) -> None:
        findings.alive = False
        findings.why = f"{kind} probe: {why}"
        self._tell(found, kind, why)

    def _tell(self, found: Container, kind: str, why: str) -> None:
        facts = {"container": found.name, "probe": kind, "reason": why or "passed"}
        log(Component.CONTAINERS).info("probe_told", extra=facts)
        self.changed()

    async def _verdicts(self, probe: Probe, found: Container) -> AsyncIterator[tuple[bool, str]]:
        """Yield (passed, why) each time that so many tries in a row have changed the verdict."""
        await asyncio.sleep(probe.initial_delay_seconds)
        verdict: bool | None = None
        successes = failures = 0
        while True:
            why = await asyncio.to_thread(self.ask, found, probe)
            successes, failures = (successes + 1, 0) if why is None else (0, failures + 1)
            if successes >= probe.success_threshold and verdict is not True:
                verdict = True
                yield True, ""
            if failures >= probe.failure_threshold and verdict is not False:
                verdict = False
                yield False, why or ""
            await asyncio.sleep(probe.period_seconds)


def _probed(
    world: World, target: Target
) -> Iterator[tuple[Life, tuple[WantedContainer, Container]]]:
    """Yield what runs as wanted and has probes, with the address that it is reached at."""
    for wanted in target.containers:
        found = own_container(world, wanted)
        if not wanted.probes or found is None or difference(world, wanted, found):
            continue
        if found.state is EngineState.RUNNING:
            base = base_of(world, wanted)
            reached = found if base is None else replace(found, address=base.address)
            yield (found.id, found.started_at), (wanted, reached)


def _worse(engine: str | None, probes: str) -> str:
    """Return the worse of both: the engine's own check counts, too."""
    order = ("healthy", "starting", "unready", "unhealthy")
    return max((each for each in (engine, probes) if each in order), key=order.index)
