"""What a guard that was itself killed has left running.

Everything that a guard starts carries its mark in the environment; the next guard with the same
mark ends it first.
"""

import os
from functools import partial

from .options import Options
from .tree import Process, end_all, processes, variable_of

__all__ = ["end_survivors", "marks"]

_LOCK, _MARK = "IOTISTIC_GUARD_LOCK", "IOTISTIC_GUARD_MARK"


def marks(options: Options) -> dict[str, str]:
    """Return the variables by which everything below this guard is known."""
    told = {}
    if options.lock is not None:
        told[_LOCK] = os.path.realpath(options.lock)
    if options.mark is not None:
        told[_MARK] = options.mark
    return told


def end_survivors(options: Options) -> None:
    """Kill what carries one of our marks, but for our own forebears and what is spared."""
    for name, value in marks(options).items():
        end_all(partial(_marked, name, value, options.spare), 0, _nothing)


def _nothing() -> None:
    return


def _marked(name: str, value: str, spare: str | None) -> list[Process]:
    alive = list(processes())
    ours = _lineage({process.pid: process.parent for process in alive})
    return [
        process
        for process in alive
        if process.pid not in ours
        and variable_of(process.pid, name) == value
        and (spare is None or variable_of(process.pid, spare) is None)
    ]


def _lineage(parents: dict[int, int]) -> set[int]:
    ours, pid = set(), os.getpid()
    while pid and pid not in ours:
        ours.add(pid)
        pid = parents.get(pid, 0)
    return ours
