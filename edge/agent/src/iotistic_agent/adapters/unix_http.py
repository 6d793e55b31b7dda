"""HTTP over a unix socket, as the container engine speaks it."""

import json
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from iotistic_agent.faults import EngineFault
from iotistic_agent.unix_path import reachable

__all__ = ["UnixHttp"]

_QUICK = 60.0


class _UnixConnection(HTTPConnection):
    """A connection to the socket at ``path``."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout or _QUICK)
        self._path = path
        self._limit = timeout

    def connect(self) -> None:
        """Connect to the unix socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._limit)
        with reachable(self._path) as name:
            self.sock.connect(name)

    def interrupt(self) -> None:
        """Let whoever reads or writes see the end."""
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


class UnixHttp:
    """JSON requests to one unix socket; a new connection each, so any thread may call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: set[_UnixConnection] = set()
        self._ended = False

    def interrupt(self) -> None:
        """End all requests that are under way, and later ones; their threads get an EngineFault."""
        self._ended = True
        for connection in tuple(self._open):
            connection.interrupt()

    def call(
        self, method: str, target: str, body: object = None, timeout: float = _QUICK
    ) -> tuple[int, Any]:
        """Return status and JSON body (None when empty); EngineFault when nobody answers."""
        with self.open(method, target, body, timeout) as answer:
            content = answer.read()
        try:
            return answer.status, json.loads(content) if content else None
        except ValueError:
            return answer.status, {"message": content[:500].decode("utf-8", "replace")}

    def lines(
        self, method: str, target: str, timeout: float | None
    ) -> Generator[tuple[int, dict[str, Any]]]:
        """Yield status and object for each line of a JSON stream."""
        with self.open(method, target, None, timeout) as answer:
            for line in answer:
                if line.strip():
                    yield answer.status, json.loads(line)

    def upload(
        self, target: str, content: Iterator[bytes], timeout: float
    ) -> Generator[tuple[int, dict[str, Any]]]:
        """POST a tar archive as it is made, in chunks; yield status and object for each line."""
        with self.open("POST", target, content, timeout) as answer:
            for line in answer:
                if line.strip():
                    yield answer.status, json.loads(line)

    @contextmanager
    def open(
        self, method: str, target: str, body: object, timeout: float | None
    ) -> Iterator[HTTPResponse]:
        """Send one request; the answer can be read until the block ends."""
        connection = _UnixConnection(self._path, timeout)
        self._open.add(connection)
        try:
            connection.connect()
            if self._ended:  # looked at once connected: from here on an interruption is felt
                raise EngineFault("engine", "the agent ends")
            if body is None:
                connection.request(method, target)
            elif isinstance(body, Iterator):
                _send_archive(connection, method, target, body)
            else:
                headers = {"Content-Type": "application/json"}
                connection.request(method, target, json.dumps(body).encode(), headers)
            yield connection.getresponse()
        except (OSError, HTTPException, ValueError) as exc:
            raise EngineFault("engine", f"no answer at {self._path}: {exc}") from None
        finally:
            self._open.discard(connection)
            connection.close()


def _send_archive(
    connection: HTTPConnection, method: str, target: str, content: Iterator[bytes]
) -> None:
    """Send as much as the engine takes: it may answer before the end that it can't."""
    headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, target, content, headers, encode_chunked=True)
