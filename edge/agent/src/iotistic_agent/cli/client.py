"""Asks the agent over its unix socket."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from iotistic_agent.unix_path import reachable

__all__ = ["Client", "Exit", "Failed"]

_PATIENCE = 30.0
_LONGEST = 8192


class Exit(IntEnum):
    """Exit codes of ``iotctl``, as docs/iotctl.md lists them."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5
    NOT_REGISTERED = 6
    UNWELL = 7
    INTERRUPTED = 130


class Failed(Exception):  # noqa: N818 -- root of this package's exceptions
    """One sentence for people, and the code to end with."""

    def __init__(self, exit_: Exit, message: str) -> None:
        super().__init__(message)
        self.exit = exit_


class Client:
    """The agent that listens at ``path``; every call raises Failed when it can't be done.

    The answers end with their connection, so that little is needed to read them: the standard
    library's HTTP client takes longer to import than everything here.
    """

    def __init__(self, path: Path) -> None:
        self._socket = path

    def get(self, *parts: str) -> Any:
        """Return the JSON that ``GET`` of a path answers."""
        with self._open("GET", _path(parts), b"", _PATIENCE) as answer:
            return json.loads(answer.read())

    def text(self, *parts: str) -> str:
        """Return the text that ``GET`` of a path answers."""
        with self._open("GET", _path(parts), b"", _PATIENCE) as answer:
            return answer.read().decode("utf-8", "replace")

    def send(
        self, method: str, parts: tuple[str, ...], body: Mapping[str, object] | None = None
    ) -> Any:
        """Return the JSON that a request with ``body`` answers."""
        content = b"" if body is None else json.dumps(body).encode()
        with self._open(method, _path(parts), content, _PATIENCE) as answer:
            return json.loads(answer.read())

    def lines(self, *parts: str, lines: int, follow: bool) -> Iterator[dict[str, Any]]:
        """Yield the objects of a log, as they come when ``follow``."""
        target = f"{_path(parts)}?lines={lines}&follow={int(follow)}"
        with self._open("GET", target, b"", None if follow else _PATIENCE) as answer:
            for line in answer:
                yield json.loads(line)

    @contextmanager
    def _open(
        self, method: str, target: str, body: bytes, limit: float | None
    ) -> Iterator[BinaryIO]:
        """Send a request and give the answer's content."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(limit)
                with reachable(self._socket) as name:
                    connection.connect(name)
                head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
                length = f"Content-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode("ascii") + length.encode("ascii") + body)
                with connection.makefile("rb") as answer:
                    status = _status(answer)
                    if status >= 400 and target != "/health":
                        raise _refusal(status, answer.read())
                    yield answer
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise Failed(
                Exit.NOT_RUNNING, f"the agent isn't running: nobody listens at {self._socket}"
            ) from None
        except PermissionError:
            raise Failed(
                Exit.NOT_ALLOWED, f"not allowed to talk to {self._socket}: try it with sudo"
            ) from None
        except (OSError, ValueError) as exc:
            why = str(exc) or type(exc).__name__
            raise Failed(Exit.NOT_RUNNING, f"no answer at {self._socket}: {why}") from None


def _status(answer: BinaryIO) -> int:
    """Read the head; ValueError when it is none."""
    version, _, rest = answer.readline(_LONGEST).partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("not an agent")
    while answer.readline(_LONGEST) not in (b"\r\n", b""):
        pass
    return int(rest[:3])


def _path(parts: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _refusal(status: int, content: bytes) -> Failed:
    """Return what the agent's problem document says."""
    try:
        problem = json.loads(content)
        detail, code = str(problem["detail"]), str(problem["code"])
        where = "".join(f" ({each['pointer']})" for each in problem.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        return Failed(Exit.REFUSED, f"the agent answers {status}")
    return Failed(Exit.NOT_FOUND if code == "not_found" else Exit.REFUSED, detail + where)
