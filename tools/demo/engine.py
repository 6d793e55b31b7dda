"""The Docker Engine that runs the devices' containers, asked over its socket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Container", "Engine", "EngineError"]

PATIENCE = 60.0


class EngineError(Exception):
    """The engine doesn't answer, or refuses."""


@dataclass(frozen=True)
class Container:
    """A container: its id, the service that it is of, and the engine's word for its state."""

    id: str
    service: str
    state: str


class Engine:
    """Tells a site's containers, stops and removes them; EngineError when it can't."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.HTTPTransport(uds=str(socket))
        self._client = httpx.Client(
            transport=transport, base_url="http://engine", timeout=PATIENCE, trust_env=False
        )

    def containers(self, **labels: str) -> list[Container]:
        """Return the containers with these labels (``site="…"`` is ``iotistic.site=…``)."""
        wanted = [f"iotistic.{name}={value}" for name, value in labels.items()]
        filters = json.dumps({"label": wanted})
        found = self._call("GET", "/containers/json", all="true", filters=filters)
        return [
            Container(one["Id"], one["Labels"].get("iotistic.service-name", ""), one["State"])
            for one in found
        ]

    def service(self, device: str, name: str) -> Container | None:
        """Return the container of a device's service, or None."""
        found = self.containers(device=device)
        return next((one for one in found if one.service == name), None)

    def stop(self, container: Container, seconds: int = 1) -> None:
        """Stop a container; its restart policy doesn't bring it back."""
        self._call("POST", f"/containers/{container.id}/stop", t=str(seconds))

    def remove(self, container: Container) -> None:
        """Remove a container, running or not."""
        self._call("DELETE", f"/containers/{container.id}", force="true")

    def _call(self, method: str, path: str, **query: str) -> Any:
        try:
            answer = self._client.request(method, path, params=query)
        except httpx.HTTPError as error:
            raise EngineError(f"the engine doesn't answer: {error}") from error
        if answer.status_code >= 400:
            raise EngineError(f"the engine refuses {method} {path}: {answer.text.strip()}")
        return answer.json() if answer.content else None
