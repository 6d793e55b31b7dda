"""The agent on a device: how fast it repairs and changes, and what it takes."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.agent.tests.device import Device, app, applied
from tests.bench.agent_bench import Bench, a_bench
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ROUNDS = 15
MINUTES, SAMPLES_A_MINUTE = 10, 6
MANY = 100


def run() -> Iterator[Figure]:
    """Measure one figure after the other, on an engine and a tenant of their own."""
    with a_bench() as bench:
        yield from drift(bench)
        yield change(bench)
        yield from starting(bench)
        yield from many(bench)
        yield from weight(bench)


def drift(bench: Bench) -> Iterator[Figure]:
    """Remove, stop and pause by hand; the time that the engine itself takes is taken out."""
    with bench.device(app(bench.image, one={})) as device:
        name = device.name("one")
        itself = {
            ("rm", "-f"): engine_time(bench, ["run", "-d", "--label", "x"], bench.image),
            ("stop", "-t0"): engine_time(bench, ["start"], None),
            ("pause",): 0.0,
        }
        for hand, taken in itself.items():
            took = []
            for _ in range(ROUNDS):
                device.host.docker(*hand, name)
                begun = time.perf_counter()
                device.settles(seconds=60, one="running")
                took.append(max(0.0, time.perf_counter() - begun - taken))
            yield Figure(
                f"agent: {hand[0]} repaired by event, median", statistics.median(took), "s", 0.5
            )


def engine_time(bench: Bench, words: list[str], image: str | None) -> float:
    """Return the seconds that the engine takes to bring up one container, by its own program."""
    docker, took = bench.host.docker, []
    container = docker("create", bench.image)
    for _ in range(5):
        begun = time.perf_counter()
        if image is None:
            docker(*words, container)
        else:
            docker("rm", "-f", docker(*words, image))
        took.append(time.perf_counter() - begun)
        docker("stop", "-t0", container)
    docker("rm", "-f", container)
    return statistics.median(took)


def change(bench: Bench) -> Figure:
    """Write another variable; until the new container runs."""
    with bench.device(app(bench.image, one={}), HEALTH_WINDOW_MS="0") as device:
        took = []
        for version in range(2, ROUNDS + 2):
            config = {"environment": {"VERSION": str(version)}}
            before = device.containers()["one"][0]
            bench.tenant.set_apps(app(bench.image, one={"config": config}), version)
            begun = time.perf_counter()
            until(lambda before=before: _is_new(device, before))
            took.append(time.perf_counter() - begun)
            bench.tenant.wait_for(lambda version=version: applied(bench.tenant, version))
    return Figure("agent: change to running container, median", statistics.median(took), "s", 2.0)


def _is_new(device: Device, before: str) -> bool:
    found = device.containers().get("one")
    return found is not None and found[0] != before and found[1] == "running"


def starting(bench: Bench) -> Iterator[Figure]:
    """Start of the process to its first look at containers, and ``iotctl status``."""
    with bench.device(app(bench.image, one={})) as device:
        firsts, answers = [], []
        iotctl = str(Path(sys.executable).with_name("iotctl"))
        for _ in range(5):
            device.stop()
            device.host.docker("rm", "-f", device.name("one"))
            begun = time.perf_counter()
            device.start()
            until(lambda: "one" in device.containers())
            firsts.append(time.perf_counter() - begun)
            socket = str(device.folder / "state/agent.sock")
            device.settles(one="running")
            begun = time.perf_counter()
            subprocess.run([iotctl, "--socket", socket, "status"], check=True, capture_output=True)
            answers.append(time.perf_counter() - begun)
    yield Figure("agent: start to first step, median", statistics.median(firsts), "s", 1.0)
    yield Figure("agent: iotctl status, median", statistics.median(answers), "s", 0.3)


def many(bench: Bench) -> Iterator[Figure]:
    """A look with nothing to do at 20 and at 100 containers."""
    took = {}
    for count in (MANY // 5, MANY):
        services: dict[str, Any] = {f"s{n}": {} for n in range(count)}
        with bench.device(app(bench.image, **services), 1000, LOG_LEVEL="debug") as device:
            took[count] = statistics.median(looks(device))
    yield Figure(f"agent: a look at {MANY} containers, median", took[MANY], "s", 0.2)
    yield Figure("agent: 100 containers by 20, a look", took[MANY] / took[MANY // 5], "times", 6.0)


def looks(device: Device) -> list[float]:
    """Return the seconds that looks took, out of the agent's own log at level debug."""

    def said() -> list[float]:
        return [line["seconds"] for line in device.log() if line["event"] == "looked"]

    before = len(said())
    until(lambda: len(said()) >= before + 8, 120)
    return said()[before:]


def weight(bench: Bench) -> Iterator[Figure]:
    """Ten containers for ten minutes with all defaults: memory and processor."""
    services: dict[str, Any] = {f"s{n}": {} for n in range(10)}
    with bench.device(app(bench.image, **services), POLL_INTERVAL_MS="30000") as device:
        pid = device.process.pid  # type: ignore[union-attr]
        time.sleep(20)
        begun, used = time.monotonic(), cpu_seconds(pid)
        sizes = []
        for _ in range(MINUTES * SAMPLES_A_MINUTE):
            time.sleep(60 / SAMPLES_A_MINUTE)
            sizes.append(pss_kb(pid) / 1024)
        share = (cpu_seconds(pid) - used) / (time.monotonic() - begun)
    half = sizes[len(sizes) // 2 :]
    yield Figure("agent: PSS with 10 containers, median", statistics.median(sizes), "MB", 36)
    yield Figure("agent: growth over the last five minutes", half[-1] - half[0], "MB", 0.5)
    yield Figure("agent: share of a core, idle", 100 * share, "%", 1.0)


def pss_kb(pid: int) -> int:
    """Return the proportional set size of a process in kB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) if found else 0


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once ``holds()``."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("it doesn't come to that")
        time.sleep(0.01)
