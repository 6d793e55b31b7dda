"""The site's supervisor, asked over its socket."""

from __future__ import annotations

import time
import xmlrpc.client
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supervisor.xmlrpc import Faults, SupervisorTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ALIVE", "Program", "SilentError", "Supervisor", "own_pid"]

ALIVE = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})


class SilentError(Exception):
    """No supervisor answers: the site is stopped or stopping, or the socket was lost."""


@dataclass(frozen=True)
class Program:
    """A program that the supervisor keeps: ``pid`` is its guard's, 0 when it doesn't run."""

    name: str
    state: str
    pid: int
    uptime: int
    detail: str

    @property
    def well(self) -> bool:
        """Whether it runs."""
        return self.state == "RUNNING"


class Supervisor:
    """Tells what runs, and starts and stops it; SilentError when nobody answers."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def programs(self) -> list[Program]:
        """Return every program, by name."""
        return sorted(
            (_program(info) for info in self._ask("getAllProcessInfo")), key=lambda one: one.name
        )

    def program(self, name: str) -> Program:
        """Return one program; xmlrpc.client.Fault when there is none of that name."""
        return _program(self._ask("getProcessInfo", name))

    def start(self, name: str) -> None:
        """Have a program run, which it may already; returns at once."""
        with _but(Faults.ALREADY_STARTED):
            self._ask("startProcess", name, False)  # noqa: FBT003 - the protocol's: don't wait

    def stop(self, name: str) -> None:
        """Have a program stopped, which it may be already; returns at once."""
        with _but(Faults.NOT_RUNNING):
            self._ask("stopProcess", name, False)  # noqa: FBT003

    def shutdown(self) -> None:
        """Have the supervisor end, and with it what still runs."""
        self._ask("shutdown")

    def _ask(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise SilentError(f"the site is stopped: ./run demo start ({error})") from error
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise SilentError("the site is stopping: ./run demo start") from fault
            raise


def own_pid(program: Program) -> int:
    """Return the process itself, a child of its guard; 0 when it doesn't run."""
    path = Path(f"/proc/{program.pid}/task/{program.pid}/children")
    if not program.pid or not path.exists():
        return 0
    return int((path.read_text().split() or ["0"])[0])


@contextmanager
def _but(code: int) -> Iterator[None]:
    """Take the supervisor's refusal for this reason as done."""
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise


def _program(info: dict[str, Any]) -> Program:
    since = int(info["start"])
    alive = info["statename"] in ALIVE and info["pid"]
    return Program(
        name=info["name"],
        state=info["statename"],
        pid=int(info["pid"]),
        uptime=max(0, int(time.time()) - since) if alive and since else 0,
        detail="" if info["statename"] == "RUNNING" else str(info["spawnerr"]),
    )
