"""Restarts and stops the machine, by the program that is told to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from iotistic_agent.faults import NotPossible

__all__ = ["in_container", "ordered"]

_MARKS = (".dockerenv", "run/.containerenv", "run/systemd/container")
_PATIENCE = 20.0


def in_container(root: Path = Path("/")) -> bool:
    """Tell whether this runs in a container: what the machine is, is then not ours to say."""
    return any((root / mark).exists() for mark in _MARKS)


async def ordered(command: Sequence[str]) -> None:
    """Run a program that restarts or stops the machine; NotPossible says why it didn't."""
    try:
        program = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as exc:
        raise NotPossible(f"{command[0]}: {exc.strerror}") from None
    try:
        async with asyncio.timeout(_PATIENCE):
            said, _ = await program.communicate()
    except TimeoutError:
        return  # it may well take its time: the machine goes down meanwhile
    if program.returncode != 0:
        words = said.decode("utf-8", "replace").strip()[:300]
        raise NotPossible(f"{command[0]} ends with {program.returncode}: {words}")
