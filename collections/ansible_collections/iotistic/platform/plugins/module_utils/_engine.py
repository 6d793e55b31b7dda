# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a site is in a container engine, asked over the engine's socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from ._contract.planning.site import EngineObject
from ._unix import exchange

__all__ = ["Engine", "EngineError"]

LABEL = "iotistic.site"
REMOVE = {
    "container": "/containers/{}?force=1&v=1",
    "network": "/networks/{}",
    "volume": "/volumes/{}?force=1",
}


class EngineError(Exception):
    """The engine refused; the text says what."""


class Engine:
    """One engine, by the path of its socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    def objects(self, site_id: str) -> tuple[EngineObject, ...]:
        """Return what bears the site's label; nothing when no engine listens there.

        An engine that we may not ask is an EngineError: it may hold something of the site.
        """
        chosen = {"filters": json.dumps({"label": [f"{LABEL}={site_id}"]})}
        try:
            if not Path(self._path).is_socket():
                return ()
            containers = self._get("/containers/json", {"all": "1", **chosen})
            networks = self._get("/networks", chosen)
            volumes = self._get("/volumes", chosen)["Volumes"] or []
        except (ConnectionRefusedError, FileNotFoundError):  # none listens, or it went just now
            return ()
        except PermissionError:
            raise EngineError(
                f"the engine at {self._path} lets this user ask nothing, so what the site has in "
                "it isn't known. Join the group docker (and sign in again), or run this as root"
            ) from None
        return (
            *(self._object("container", each["Id"], each["Names"][0]) for each in containers),
            *(self._object("network", each["Id"], each["Name"]) for each in networks),
            *(self._object("volume", each["Name"], each["Name"]) for each in volumes),
        )

    def remove(self, target: EngineObject) -> None:
        """Remove an object; one that is gone already is fine."""
        path = REMOVE[target.kind].format(quote(target.id, safe=""))
        status, answer = self._call("DELETE", path)
        if status >= 400 and status != 404:
            message = answer.get("message") if isinstance(answer, dict) else answer
            raise EngineError(f"{target.kind} {target.name} can't be removed: {message}")

    def _object(self, kind: str, object_id: str, name: str) -> EngineObject:
        return EngineObject(kind=kind, engine=self._path, id=object_id, name=name.lstrip("/"))

    def _get(self, path: str, query: dict[str, str]) -> Any:
        status, answer = self._call("GET", f"{path}?{urlencode(query)}")
        if status != 200:
            raise EngineError(f"the engine at {self._path} answers {status} to {path}: {answer}")
        return answer

    def _call(self, method: str, path: str) -> tuple[int, Any]:
        status, text = exchange(self._path, method, path)
        return status, json.loads(text) if text else None
