"""The engine's images: which are there, loading, naming."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from iotistic_agent.adapters.engine_api import EngineApi, message_of
from iotistic_agent.faults import PullFault
from iotistic_agent.images.platforms import Platform, platform_of_engine, runs_on

__all__ = ["EngineImage", "EngineImages", "Machine"]

_SILENCE_OF_A_LOAD = 300.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the engine runs, and keeps its images in.

    ``knows_layers``: a layer that an image of it has needn't be loaded again. The classic image
    store looks a layer up by the digests of what is unpacked; containerd's wants each blob.
    """

    platform: Platform
    folder: Path
    knows_layers: bool

    def check_platform(self, image: Platform) -> None:
        """Raise PullFault when this machine can't run what was made for ``image``."""
        if not runs_on(self.platform, image):
            raise PullFault(f"the image is made for {image}; this machine is {self.platform}")


@dataclass(frozen=True, slots=True)
class EngineImage:
    """An image of the engine: its unpacked ``size`` in bytes, and the digests of its layers."""

    id: str
    platform: Platform
    diff_ids: tuple[str, ...]
    size: int = 0


class EngineImages:
    """The images of one engine, whoever they are of."""

    def __init__(self, api: EngineApi) -> None:
        self._api = api

    def machine(self) -> Machine:
        """Return what images must be made for."""
        version, info = self._api.version(), self._api.get("/info")
        status = [each for each in info.get("DriverStatus") or () if len(each) == 2]
        store = dict(status).get("driver-type", "")
        return Machine(
            platform=platform_of_engine(version, info),
            folder=Path(info.get("DockerRootDir") or "/var/lib/docker"),
            knows_layers=not store.startswith("io.containerd"),
        )

    def find(self, name: str) -> EngineImage | None:
        """Return the image of a reference or id, None when it isn't there."""
        status, answer = self._api.call("GET", f"/images/{quote(name, safe='/:@')}/json")
        if status == 404:
            return None
        if status != 200:
            raise PullFault(f"the engine doesn't tell of {name}: {message_of(answer)}")
        return _image(answer)

    def all(self) -> list[EngineImage]:
        """Return each image that is there."""
        listed = {str(each["Id"]) for each in self._api.get("/images/json")}
        found = (self.find(each) for each in sorted(listed))
        return [each for each in found if each is not None]

    def tag(self, image_id: str, name: str, tag: str) -> None:
        """Give an image another name; PullFault when it is gone."""
        status, answer = self._api.call("POST", f"/images/{image_id}/tag", repo=name, tag=tag)
        if status >= 400:
            raise PullFault(message_of(answer))

    def load(self, archive: Iterator[bytes]) -> None:
        """Load a tar archive as ``docker load`` does; PullFault with the engine's words."""
        target = self._api.path("/images/load", quiet="0")
        for status, line in self._api.http.upload(target, archive, _SILENCE_OF_A_LOAD):
            if status >= 400 or "error" in line:
                fault = line.get("error") or line.get("message")
                raise PullFault(f"the engine can't load the image: {str(fault)[:1000]}")


def _image(answer: Mapping[str, Any]) -> EngineImage:
    words = (str(answer.get(name) or "") for name in ("Os", "Architecture", "Variant"))
    layers = (answer.get("RootFS") or {}).get("Layers") or ()
    return EngineImage(
        str(answer["Id"]), Platform.of(*words), tuple(layers), answer.get("Size") or 0
    )
