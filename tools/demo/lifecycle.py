"""`stop` and `start`: the site's processes end, and come again with all that they had."""

from __future__ import annotations

import argparse
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .engine import Engine, EngineError
from .guard import PROGRAMS, SUPERVISED
from .parts import parts_of
from .processes import MARK, ask_to_end, await_end, site_processes, supervisors, told
from .site import MACHINE_ENGINE
from .status import health_of
from .supervisor import ALIVE, SilentError, Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .processes import Process
    from .site import Site

__all__ = ["layers", "start", "stop"]

PAUSE = 0.2
PATIENCE = 120.0
STOP_SECONDS = 35.0
RUNS = frozenset({"running", "paused", "restarting"})
KEEPERS = ("postgres", "broker", "registry", "dockerd")


def stop(site: Site, arguments: Sequence[str]) -> int:
    """End the site's processes and its devices' containers; everything that they hold is kept."""
    argparse.ArgumentParser(prog="./run demo stop", description=stop.__doc__).parse_args(arguments)
    site.require()
    began, supervisor = time.monotonic(), Supervisor(site.supervisor_socket)
    try:
        names = [program.name for program in supervisor.programs() if program.state in ALIVE]
    except SilentError:
        return _stop_silent(site, began)
    agents, workers, keepers = layers(names)
    _stop(supervisor, agents)
    _stop_containers(site)
    _stop(supervisor, workers)
    _stop(supervisor, keepers)
    supervisor.shutdown()
    return _judged(await_end(lambda: site_processes(site.id), STOP_SECONDS), began)


def start(site: Site, arguments: Sequence[str]) -> int:
    """Start the site's processes as they are, without looking for what else may be amiss."""
    argparse.ArgumentParser(prog="./run demo start", description=start.__doc__).parse_args(
        arguments
    )
    site.require()
    began, supervisor = time.monotonic(), Supervisor(site.supervisor_socket)
    try:
        for program in supervisor.programs():
            if program.state not in ALIVE:
                supervisor.start(program.name)
    except SilentError:
        _end_silent(site)
        _start_supervisor(site)
    trouble = _await_wellness(site, supervisor)
    if trouble:
        print(f"demo: {trouble}; ./run demo repairs what a start doesn't", file=sys.stderr)
        return 1
    print(f"Started in {time.monotonic() - began:.0f} s; ./run demo status shows it.")
    return 0


def layers(names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return programs as they are stopped: agents, what works, what the others need."""
    agents = [name for name in names if name.startswith("device-")]
    keepers = [name for name in names if name.rpartition("-")[2] in KEEPERS and name not in agents]
    return agents, [name for name in names if name not in {*agents, *keepers}], keepers


def _stop(supervisor: Supervisor, names: Sequence[str]) -> None:
    for name in names:
        supervisor.stop(name)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        alive = {program.name for program in supervisor.programs() if program.state in ALIVE}
        if not alive & set(names):
            return
        time.sleep(PAUSE)


def _stop_containers(site: Site) -> None:
    engine = Engine(site.engine_socket)
    try:
        running = [one for one in engine.containers(site=site.id) if one.state in RUNS]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(engine.stop, running))
    except EngineError as error:
        print(f"demo: containers may go on running: {error}", file=sys.stderr)


def _stop_silent(site: Site, began: float) -> int:
    """End what runs while nobody answers: the supervisor's socket was lost, or it is ending."""
    if not site_processes(site.id):
        print("The site is stopped already.")
        return 0
    ask_to_end(supervisors(site.id))
    left = await_end(lambda: site_processes(site.id), STOP_SECONDS)
    if site.engine_socket == MACHINE_ENGINE:  # an engine of its own ended them as it ended
        _stop_containers(site)
    return _judged(left, began)


def _end_silent(site: Site) -> None:
    """End a supervisor that doesn't answer: a second one would start all that it runs."""
    if not supervisors(site.id):
        return
    ask_to_end(supervisors(site.id))
    left = await_end(lambda: site_processes(site.id), STOP_SECONDS)
    if left:
        raise SilentError(f"the supervisor doesn't answer, nor end; there still is {told(left)}")


def _judged(left: Sequence[Process], began: float) -> int:
    """Tell how a stop came out; return its exit code."""
    if left:
        print(f"demo: not stopped; there still is {told(left)}", file=sys.stderr)
        return 1
    print(f"Stopped in {time.monotonic() - began:.0f} s; ./run demo start goes on.")
    return 0


def _start_supervisor(site: Site) -> None:
    """Start it as a run does: with an environment of its own, which the run's guard spares."""
    _claim(site.run)
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(Path.home()),
        MARK: site.id,
        SUPERVISED: site.id,
    }
    command = [str(PROGRAMS / "supervisord"), "-c", str(site.supervisor_configuration)]
    done = subprocess.run(
        command, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
        start_new_session=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SilentError(f"the supervisor doesn't start: {done.stdout}{done.stderr}")


def _claim(folder: Path) -> None:
    """Make the folder of sockets, which a restart of the machine removes; ours alone or none."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o077:
        raise SilentError(f"{folder} isn't a folder that only you can enter: remove it")


def _await_wellness(site: Site, supervisor: Supervisor) -> str | None:
    """Return None when all runs and answers, else what doesn't after a while."""
    parts, deadline = parts_of(site), time.monotonic() + PATIENCE
    while True:
        trouble = _trouble(site, supervisor) or next(
            (f"{one.name} isn't ready ({one.trouble})"
             for one in health_of(site, parts, supervisor.programs()) if one.trouble),
            None,
        )  # fmt: skip
        if trouble is None or time.monotonic() > deadline:
            return trouble
        time.sleep(PAUSE)


def _trouble(site: Site, supervisor: Supervisor) -> str | None:
    try:
        programs = supervisor.programs()
    except SilentError as error:
        return str(error)
    down = [program for program in programs if not program.well]
    for program in down:
        if program.state not in ALIVE:  # it gave up before its needs were met, or was stopping
            supervisor.start(program.name)
    return f"{down[0].name} is {down[0].state}, see {site.log}" if down else None
