"""Takes everything of one device off an engine."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.faults import EngineFault

__all__ = ["Erasing"]

_IN_USE, _GONE = 409, 404


class Erasing:
    """The objects with one device's label; all calls block, and may be repeated."""

    def __init__(self, socket: Path, uuid: str) -> None:
        self._http = UnixHttp(socket)
        self._label = f"iotistic.device={uuid}"

    def images(self) -> set[str]:
        """Return the images that its containers were made of."""
        return {str(each["Image"]) for each in self._listed("/containers/json", all="1")}

    def remove_objects(self) -> None:
        """Remove its containers, networks and volumes with all that is in them."""
        for path in self._paths():
            self._remove(path, fine=(_GONE,))

    def remove_images(self, images: Iterable[str]) -> None:
        """Remove images, those that somebody else's container is made of excepted."""
        for image in sorted(set(images)):
            self._remove(f"/images/{quote(image, safe='/:@')}", fine=(_GONE, _IN_USE))

    def _paths(self) -> Iterator[str]:
        for container in self._listed("/containers/json", all="1"):
            yield f"/containers/{container['Id']}?force=1&v=1"
        for network in self._listed("/networks"):
            yield f"/networks/{network['Id']}"
        for volume in self._listed("/volumes").get("Volumes") or ():
            yield f"/volumes/{quote(volume['Name'], safe='')}?force=1"

    def _listed(self, path: str, **query: str) -> Any:
        filters = json.dumps({"label": [self._label]})
        target = f"{path}?{urlencode({**query, 'filters': filters})}"
        status, answer = self._http.call("GET", target)
        if status != 200:
            raise EngineFault("engine", f"GET {path} answers {status}")
        return answer

    def _remove(self, path: str, fine: tuple[int, ...]) -> None:
        status, answer = self._http.call("DELETE", path)
        if status >= 400 and status not in fine:
            raise EngineFault("engine", f"DELETE {path} answers {status}: {answer}")
