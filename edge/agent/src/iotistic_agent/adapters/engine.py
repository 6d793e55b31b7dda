"""The Docker Engine (API 1.41 and later) over its unix socket: observes, and carries out steps."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from iotistic_agent.adapters.engine_api import EngineApi, message_of
from iotistic_agent.adapters.engine_reading import (
    EVENTS_THAT_MATTER,
    container_from,
    digest_of,
    is_about,
)
from iotistic_agent.adapters.image_table import ImageTable
from iotistic_agent.explaining import CONFIG_FIELDS, config_fields
from iotistic_agent.faults import EngineFault, Overtaken
from iotistic_agent.images.names import name_on_engine
from iotistic_contract.images import Image
from iotistic_contract.planning.container_body import Device, device_labels
from iotistic_contract.planning.container_target import CONFIG_HASH
from iotistic_contract.planning.containers import (
    Container,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    StartContainer,
    Step,
    StopContainer,
    UnpauseContainer,
    WantedContainer,
    World,
)

__all__ = ["DockerEngine"]

_DEFAULT_GRACE = 10
_LONGEST_GRACE = 3700.0
_CHUNK = 65_536
_A_MOMENT, _MOST_HUNG = 0.05, 256
Reveal = Callable[[WantedContainer], Mapping[str, str]]


class DockerEngine:
    """One device's part of an engine: it sees and touches only what carries its label.

    All calls block; they may come from any thread.
    """

    def __init__(
        self, socket: Path, device: Device, reveal: Reveal, loaded: ImageTable | None = None
    ) -> None:
        self._api = EngineApi(socket)
        self._loaded = loaded or ImageTable(None)
        self._device = device
        self._reveal = reveal
        self._label = f"iotistic.device={device.uuid}"
        self._hung: dict[tuple[str, tuple[str, ...]], str] = {}

    def interrupt(self) -> None:
        """End all calls that are under way, from another thread."""
        self._api.interrupt()

    def observe(self, images: Iterable[str]) -> World:
        """Return what the engine holds of this device, and which of ``images`` are there."""
        found = {image: self._image(image) for image in sorted(set(images))}
        present = {image: each for image, each in found.items() if each is not None}
        return World(
            containers=tuple(self._containers()),
            images={image: each["Id"] for image, each in present.items()},
            digests={
                each["Id"]: digest
                for image, each in present.items()
                if (digest := self._digest(image, each))
            },
            networks={each["Name"]: each["Id"] for each in self._labelled("/networks")},
            volumes=frozenset(
                each["Name"] for each in self._labelled("/volumes").get("Volumes") or ()
            ),
            own_images={each: image.id for each, image in self._loaded.all().items()},
        )

    def carry_out(self, step: Step, wanted: WantedContainer | None) -> None:
        """Do one step; ``wanted`` is the service of CreateContainer.

        Overtaken when the container isn't as it was, EngineFault when the engine can't.
        """
        match step:
            case CreateNetwork(name):
                self._create_network(name)
            case CreateVolume(name):
                self._create_volume(name)
            case CreateContainer():
                if wanted is None:
                    raise Overtaken("create", f"{step.name} isn't wanted any more")
                self._create(wanted)
            case StopContainer():
                self._stop(step.name)
            case _:
                self._do_one(step)

    def events(self) -> Iterator[str]:
        """Yield what happens to this device's containers and networks, while the engine tells."""
        filters = {"type": ["container", "network"], "event": sorted(EVENTS_THAT_MATTER)}
        target = self._api.path("/events", filters=json.dumps(filters))
        with closing(self._api.http.lines("GET", target, None)) as lines:
            for _, event in lines:
                if is_about(event, self._device):
                    yield str(event.get("Action", "")).partition(":")[0]

    def execute(self, container: str, command: tuple[str, ...], limit: float) -> int:
        """Run a command in a container and return its exit code; EngineFault past ``limit`` s.

        The engine can't end one that hangs; while it goes on, it isn't begun once more.
        """
        hung = self._hung.pop((container, command), None)
        if hung is not None and self._exit_code(hung) is None:
            self._hung[container, command] = hung
            raise EngineFault("engine", "the one before hasn't ended yet")
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        made = self._do("POST", f"/containers/{quote(container)}/exec", body, timeout=limit)
        try:
            return self._ended(made["Id"], limit)
        except EngineFault:
            self._hung[container, command] = made["Id"]
            while len(self._hung) > _MOST_HUNG:
                del self._hung[next(iter(self._hung))]
            raise

    def _ended(self, id_: str, limit: float) -> int:
        """Start what is to be executed, and return its exit code once it has one."""
        deadline = time.monotonic() + limit
        start = {"Detach": False, "Tty": False}
        with self._api.http.open("POST", self._api.path(f"/exec/{id_}/start"), start, limit) as out:
            while out.read1(_CHUNK) and time.monotonic() <= deadline:
                """What it says is of no interest, its end is."""
        while (code := self._exit_code(id_)) is None:
            if time.monotonic() > deadline:
                raise EngineFault("engine", f"no end within {limit:.0f} s")
            time.sleep(_A_MOMENT)
        return code

    def _exit_code(self, id_: str) -> int | None:
        """Return what it ended with, None while it runs; one that is forgotten ended badly."""
        status, answer = self._api.call("GET", f"/exec/{id_}/json")
        if status == 200 and answer.get("Running"):
            return None
        return int(answer.get("ExitCode") or 0) if status == 200 else 255

    def data_root(self) -> Path:
        """Return where the engine keeps images and volumes; EngineFault when it doesn't tell."""
        root = self._api.get("/info").get("DockerRootDir")
        if not root:
            raise EngineFault("engine", "GET /info doesn't tell where the engine keeps its data")
        return Path(root)

    def labels(self, container: str) -> Mapping[str, str]:
        """Return the labels of a container; none when it is gone."""
        status, inspected = self._api.call("GET", f"/containers/{quote(container)}/json")
        return (inspected["Config"].get("Labels") or {}) if status == 200 else {}

    def version(self) -> str:
        """Return the engine's own version; EngineFault when it is too old or doesn't answer."""
        return str(self._api.version()["Version"])

    def _do_one(self, step: Step) -> None:
        """Carry out a step that is one request."""
        match step:
            case RemoveNetwork(name):
                self._do("DELETE", f"/networks/{quote(name)}", gone_is_fine=True)
            case RemoveVolume(name):
                target = f"/volumes/{quote(name)}"
                self._do("DELETE", target, type_="remove", gone_is_fine=True)
            case RemoveImage(image):
                self._remove_image(image)
            case RestartContainer():
                self._do("POST", f"/containers/{step.name}/restart", timeout=_LONGEST_GRACE)
            case RenameContainer():
                target = f"/containers/{step.name}/rename?name={quote(step.new_name)}"
                self._do("POST", target)
            case StartContainer():
                self._do("POST", f"/containers/{step.name}/start", type_="start")
            case PauseContainer():
                self._do("POST", f"/containers/{step.name}/pause")
            case UnpauseContainer():
                self._do("POST", f"/containers/{step.name}/unpause")
            case RemoveContainer():
                self._do("DELETE", f"/containers/{step.name}", gone_is_fine=True)

    def _remove_image(self, image: str) -> None:
        """Remove the image's name, and with its last name the image; one in use stays."""
        name = ":".join(name_on_engine(Image.parse(image)))
        target = f"/images/{quote(name, safe='/:')}"
        self._do("DELETE", target, type_="remove", gone_is_fine=True)
        self._loaded.forget(image)

    def _containers(self) -> Iterator[Container]:
        labels = [self._label, "iotistic.service-id", CONFIG_HASH]  # what isn't ours is left alone
        filters = json.dumps({"label": labels})
        for listed in self._api.get("/containers/json", all="1", filters=filters):
            status, inspected = self._api.call("GET", f"/containers/{listed['Id']}/json")
            if status == 200:
                yield container_from(inspected)

    def _image(self, image: str) -> Mapping[str, Any] | None:
        """Return an image as the engine knows it; by digest also one that was loaded for that."""
        names, loaded = [image], self._loaded.get(image)
        if "@" in image and loaded is not None:
            names.append(loaded.id)
        for name in names:
            status, answer = self._api.call("GET", f"/images/{quote(name, safe='/:@')}/json")
            if status == 200:
                return dict(answer)
        return None

    def _digest(self, image: str, found: Mapping[str, Any]) -> str | None:
        """Return what the registry has for the image: the engine forgets it when it loads one."""
        loaded = self._loaded.get(image)
        if loaded is not None and loaded.id == found["Id"]:
            return loaded.digest
        return digest_of(found)

    def _labelled(self, path: str) -> Any:
        return self._api.get(path, filters=json.dumps({"label": [self._label]}))

    def _create_network(self, name: str) -> None:
        body = {"Name": name, "CheckDuplicate": True, "Labels": device_labels(self._device)}
        self._do("POST", "/networks/create", body, type_="create")

    def _create_volume(self, name: str) -> None:
        body = {"Name": name, "Labels": device_labels(self._device)}
        answer = self._do("POST", "/volumes/create", body, type_="create")
        if (answer.get("Labels") or {}).get("iotistic.device") != self._device.uuid:
            raise EngineFault("create", f"the volume {name} is somebody else's")

    def _create(self, wanted: WantedContainer) -> None:
        body = dict(wanted.body)
        secrets = (f"{name}={text}" for name, text in self._reveal(wanted).items())
        body["Env"] = [*body.get("Env", ()), *secrets]
        body["Labels"] = {
            **body["Labels"],
            CONFIG_HASH: wanted.config_hash,
            CONFIG_FIELDS: json.dumps(config_fields(wanted)),
        }
        if "@" in wanted.image and (image := self._image(wanted.image)):
            body["Image"] = image["Id"]
        endpoint = {"Aliases": [wanted.service_name]}
        if wanted.networks:
            body["NetworkingConfig"] = {"EndpointsConfig": {wanted.networks[0]: endpoint}}
        target = self._api.path("/containers/create", name=wanted.name)
        status, answer = self._api.http.call("POST", target, body)
        if status == 404:
            raise Overtaken("create", message_of(answer))
        if status != 201:
            raise EngineFault("create", message_of(answer))
        for network in wanted.networks[1:]:
            connect = {"Container": answer["Id"], "EndpointConfig": endpoint}
            self._do("POST", f"/networks/{quote(network)}/connect", connect, type_="create")

    def _stop(self, name: str) -> None:
        status, inspected = self._api.call("GET", f"/containers/{name}/json")
        grace = _DEFAULT_GRACE
        if status == 200 and inspected["Config"].get("StopTimeout") is not None:
            grace = inspected["Config"]["StopTimeout"]
        self._do("POST", f"/containers/{name}/stop", timeout=grace + 60.0)

    def _do(  # noqa: PLR0913 -- one request in all its parts
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        type_: str = "engine",
        timeout: float = 60.0,
        gone_is_fine: bool = False,
    ) -> Any:
        """Send one request; what is there already (304), or gone as wanted, is done."""
        status, answer = self._api.http.call(method, self._api.path(path), body, timeout)
        if status < 400 or (gone_is_fine and status == 404):
            return answer
        kind = Overtaken if status in (404, 409) and type_ in ("engine", "start") else EngineFault
        raise kind(type_, message_of(answer))
