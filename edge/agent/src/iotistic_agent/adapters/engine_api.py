"""The Docker Engine's API in the version that both sides speak, 1.41 at least."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.faults import EngineFault

__all__ = ["EngineApi", "message_of"]

OLDEST_API = (1, 41)
NEWEST_API = (1, 44)


class EngineApi:
    """Requests to one engine; they block, and may come from any thread."""

    def __init__(self, socket: Path) -> None:
        self.http = UnixHttp(socket)
        self._prefix = ""

    def interrupt(self) -> None:
        """End all calls that are under way, from another thread."""
        self.http.interrupt()

    def version(self) -> Mapping[str, Any]:
        """Return what the engine is; EngineFault when it is too old or doesn't answer."""
        status, answer = self.http.call("GET", "/version")
        if status != 200:
            raise EngineFault("engine", f"no container engine: GET /version answers {status}")
        newest, oldest = _numbers(answer["ApiVersion"]), _numbers(answer["MinAPIVersion"])
        if newest < OLDEST_API:
            raise EngineFault("engine", f"API {answer['ApiVersion']} is older than 1.41")
        self._prefix = "/v{}.{}".format(*max(oldest, min(newest, NEWEST_API)))
        return dict(answer)

    def path(self, path: str, **query: str) -> str:
        """Return the request target, with the version that was agreed on."""
        if not self._prefix:
            self.version()
        return f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")

    def call(self, method: str, path: str, **query: str) -> tuple[int, Any]:
        """Return status and JSON body."""
        return self.http.call(method, self.path(path, **query))

    def get(self, path: str, **query: str) -> Any:
        """Return the body of an answer 200; EngineFault otherwise."""
        status, answer = self.call("GET", path, **query)
        if status != 200:
            raise EngineFault("engine", f"GET {path}: {message_of(answer)}")
        return answer


def message_of(answer: object) -> str:
    """Return the engine's own words."""
    if isinstance(answer, Mapping):
        return str(answer.get("message", answer))[:1000]
    return str(answer)[:1000]


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)
