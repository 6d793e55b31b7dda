"""A run of the tenant playbook under iotistic-guard, told as it goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["GuardedRun", "RunPlan"]

_LONGEST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What to run: the job's description, its environment, and how long silence is borne."""

    description: Path
    folder: Path
    environment: Mapping[str, str]
    site: str
    silence: float
    grace: float = 5.0

    def command(self, beat: int) -> list[str]:
        """Return the argument list; no secret is in it."""
        guard = [sys.executable, "-P", "-m", "iotistic_kit.guard"]
        limits = ["--beat-fd", str(beat), "--beat-timeout", str(self.silence)]
        limits += ["--grace", str(self.grace), "--parent", str(os.getpid())]
        site = ["--site", self.site] if self.site else []
        program = [sys.executable, "-P", "-m", "iotistic_billing.run_job", str(self.description)]
        return [*guard, *limits, *site, "--", *program]


@dataclass(slots=True)
class GuardedRun:
    """A guard at work.

    ``beat`` keeps it going: without one for ``silence`` seconds, or when this process dies, the
    guard kills all of Ansible. ``ok``, ``code``, ``error`` and ``facts`` are set once ``follow``
    returns.
    """

    process: asyncio.subprocess.Process
    _beat: int
    ok: bool = False
    code: int | None = None
    error: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    async def start(cls, plan: RunPlan) -> GuardedRun:
        """Start the guard; it counts its silence from now."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *plan.command(reading),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=plan.folder,
                env=dict(plan.environment),
                pass_fds=[reading],
                limit=_LONGEST_LINE,
            )
        except BaseException:  # cancelled, too: nobody else knows this end of the pipe
            os.close(writing)
            raise
        finally:
            os.close(reading)
        return cls(process, writing)

    def beat(self, since: float) -> None:
        """Tell the guard that the lease was renewed by a request begun at ``since``."""
        if self._beat < 0:
            return
        with contextlib.suppress(OSError):
            os.write(self._beat, f"{since:.3f}\n".encode())

    async def follow(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """Hand on lines and progress until the run has ended and nothing of it is left."""
        if self.process.stdout is not None:
            async for raw in self.process.stdout:
                self._take(_parsed(raw), hear)
        self.code = await self.process.wait()
        self.ok = self.ok and self.code == 0
        if self._beat >= 0:
            os.close(self._beat)
            self._beat = -1

    async def end(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """Have the guard end the run, if it goes on, with everything that it started."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.follow(hear)

    def _take(self, said: dict[str, Any], hear: Callable[[dict[str, Any]], None]) -> None:
        if "end" in said:
            self.ok, self.error = bool(said["end"]["ok"]), said["end"]["error"]
        elif "facts" in said:
            self.facts = said["facts"]
        else:
            hear(said)


def _parsed(raw: bytes) -> dict[str, Any]:
    text = raw.decode(errors="replace").rstrip()
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    return said if isinstance(said, dict) and len(said) == 1 else {"line": text[:4000]}
