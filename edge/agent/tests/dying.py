"""The agent, made to fail at one point: ``python dying.py POINT MODE TRACE``.

Points are counted before and after each step, and before and after each commit that changes what
is known of targets; their names go to the file TRACE. At point POINT, by MODE: ``kill`` ends the
process as kill -9 does; ``error`` lets the step or commit fail once; ``stop`` freezes the process,
for who watches to cut the power or to fill the disk.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iotistic_agent.__main__ import main
from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.targets import Targets
from iotistic_agent.faults import EngineFault


class Fate:
    """Counts points, and strikes at one."""

    def __init__(self, point: int, mode: str, trace: Path) -> None:
        self._point, self._mode, self._trace = point, mode, trace
        self._count = 0

    def reach(self, name: str, fault: Exception | None = None) -> None:
        self._count += 1
        with self._trace.open("a") as file:
            file.write(f"{name}\n")
        if self._count != self._point:
            return
        match self._mode:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "error" if fault is not None:
                raise fault


def strike(fate: Fate) -> None:
    """Put the points into the agent's steps and commits."""
    carry_out, transaction = DockerEngine.carry_out, Database.transaction
    deeds: list[str] = []

    def counted(self, step, wanted):
        name = type(step).__name__
        fate.reach(f"before {name}", EngineFault("engine", "told to fail"))
        carry_out(self, step, wanted)
        fate.reach(f"after {name}", EngineFault("engine", "told to fail, though it was done"))

    @contextmanager
    def committed(self) -> Iterator[None]:
        with transaction(self):
            yield
            for deed in deeds:
                fate.reach(f"before commit: {deed}", sqlite3.OperationalError("disk I/O error"))
        for deed in deeds:
            fate.reach(f"after commit: {deed}")

    def named(deed):
        method = getattr(Targets, deed)

        def call(self, *words):
            deeds.append(deed)
            try:
                return method(self, *words)
            finally:
                deeds.clear()

        return call

    for deed in ("keep", "commit", "give_up"):
        setattr(Targets, deed, named(deed))
    DockerEngine.carry_out = counted
    Database.transaction = committed


if __name__ == "__main__":
    number, mode, trace = sys.argv[1:]
    strike(Fate(int(number), mode, Path(trace)))
    sys.argv = sys.argv[:1]
    sys.exit(main())
