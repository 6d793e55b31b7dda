"""The Docker Engine (API 1.41 and later) over its unix socket: observes, and carries out steps."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from iotistic_agent.adapters.engine_reading import (
    EVENTS_THAT_MATTER,
    container_from,
    digest_of,
)
from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.explaining import CONFIG_FIELDS, config_fields
from iotistic_agent.faults import EngineFault, Overtaken
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

OLDEST_API = (1, 41)
NEWEST_API = (1, 44)
_SILENCE_OF_A_PULL = 300.0
_DEFAULT_GRACE = 10
_LONGEST_GRACE = 3700.0
_CHUNK = 65_536
Reveal = Callable[[WantedContainer], Mapping[str, str]]


class DockerEngine:
    """One device's part of an engine: it sees and touches only what carries its label.

    All calls block; they may come from any thread.
    """

    def __init__(self, socket: Path, device: Device, reveal: Reveal) -> None:
        self._http = UnixHttp(socket)
        self._device = device
        self._reveal = reveal
        self._label = f"iotistic.device={device.uuid}"
        self._api = ""

    def interrupt(self) -> None:
        """End all calls that are under way, from another thread."""
        self._http.interrupt()

    def observe(self, images: Iterable[str]) -> World:
        """Return what the engine holds of this device, and which of ``images`` are there."""
        found = {image: self._image(image) for image in sorted(set(images))}
        present = {image: each for image, each in found.items() if each is not None}
        return World(
            containers=tuple(self._containers()),
            images={image: each["Id"] for image, each in present.items()},
            digests={
                each["Id"]: digest for each in present.values() if (digest := digest_of(each))
            },
            networks={each["Name"]: each["Id"] for each in self._labelled("/networks")},
            volumes=frozenset(
                each["Name"] for each in self._labelled("/volumes").get("Volumes") or ()
            ),
        )

    def pull(self, image: str) -> None:
        """Bring ``image`` from its registry; EngineFault of type ``pull`` with what went wrong."""
        reference = Image.parse(image)
        asked = (
            image if reference.digest or image.endswith(f":{reference.tag}") else f"{image}:latest"
        )
        target = self._path("/images/create", fromImage=asked)
        for status, line in self._http.lines("POST", target, _SILENCE_OF_A_PULL):
            if status >= 400 or "error" in line:
                fault = line.get("error") or line.get("message")
                raise EngineFault("pull", f"{image}: {fault}")

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
        """Yield what happens to this device's containers, as long as the engine tells."""
        filters = {"type": ["container"], "label": [self._label]}
        target = self._path("/events", filters=json.dumps(filters))
        with closing(self._http.lines("GET", target, None)) as lines:
            for _, event in lines:
                action = str(event.get("Action", "")).partition(":")[0]
                if action in EVENTS_THAT_MATTER or action == "health_status":
                    yield action

    def execute(self, container: str, command: tuple[str, ...], limit: float) -> int:
        """Run a command in a container and return its exit code; EngineFault past ``limit`` s."""
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        made = self._do("POST", f"/containers/{quote(container)}/exec", body, timeout=limit)
        target = self._path(f"/exec/{made['Id']}/start")
        start = {"Detach": False, "Tty": False}
        with self._http.open("POST", target, start, limit) as answer:
            deadline = time.monotonic() + limit
            while answer.read1(_CHUNK):  # what it says is of no interest, its end is
                if time.monotonic() > deadline:
                    raise EngineFault("engine", f"no end within {limit:.0f} s")
        return int(self._get(f"/exec/{made['Id']}/json").get("ExitCode") or 0)

    def labels(self, container: str) -> Mapping[str, str]:
        """Return the labels of a container; none when it is gone."""
        status, inspected = self._call("GET", f"/containers/{quote(container)}/json")
        return (inspected["Config"].get("Labels") or {}) if status == 200 else {}

    def version(self) -> str:
        """Return the engine's own version; EngineFault when it is too old or doesn't answer."""
        status, answer = self._http.call("GET", "/version")
        if status != 200:
            raise EngineFault("engine", f"no container engine: GET /version answers {status}")
        newest, oldest = _numbers(answer["ApiVersion"]), _numbers(answer["MinAPIVersion"])
        if newest < OLDEST_API:
            raise EngineFault("engine", f"API {answer['ApiVersion']} is older than 1.41")
        self._api = "/v{}.{}".format(*max(oldest, min(newest, NEWEST_API)))
        return str(answer["Version"])

    def _do_one(self, step: Step) -> None:
        """Carry out a step that is one request."""
        match step:
            case RemoveNetwork(name):
                self._do("DELETE", f"/networks/{quote(name)}", gone_is_fine=True)
            case RemoveVolume(name):
                target = f"/volumes/{quote(name)}"
                self._do("DELETE", target, type_="remove", gone_is_fine=True)
            case RemoveImage(image):
                target = f"/images/{quote(image, safe='/:@')}"
                self._do("DELETE", target, type_="remove", gone_is_fine=True)
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

    def _containers(self) -> Iterator[Container]:
        filters = json.dumps({"label": [self._label]})
        for listed in self._get("/containers/json", all="1", filters=filters):
            status, inspected = self._call("GET", f"/containers/{listed['Id']}/json")
            if status == 200:
                yield container_from(inspected)

    def _image(self, image: str) -> Mapping[str, Any] | None:
        status, answer = self._call("GET", f"/images/{quote(image, safe='/:@')}/json")
        return answer if status == 200 else None

    def _labelled(self, path: str) -> Any:
        return self._get(path, filters=json.dumps({"label": [self._label]}))

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
        endpoint = {"Aliases": [wanted.service_name]}
        if wanted.networks:
            body["NetworkingConfig"] = {"EndpointsConfig": {wanted.networks[0]: endpoint}}
        target = self._path("/containers/create", name=wanted.name)
        status, answer = self._http.call("POST", target, body)
        if status == 404:
            raise Overtaken("create", _message(answer))
        if status != 201:
            raise EngineFault("create", _message(answer))
        for network in wanted.networks[1:]:
            connect = {"Container": answer["Id"], "EndpointConfig": endpoint}
            self._do("POST", f"/networks/{quote(network)}/connect", connect, type_="create")

    def _stop(self, name: str) -> None:
        status, inspected = self._call("GET", f"/containers/{name}/json")
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
        status, answer = self._http.call(method, self._path(path), body, timeout)
        if status < 400 or (gone_is_fine and status == 404):
            return answer
        kind = Overtaken if status in (404, 409) and type_ in ("engine", "start") else EngineFault
        raise kind(type_, _message(answer))

    def _get(self, path: str, **query: str) -> Any:
        status, answer = self._http.call("GET", self._path(path, **query))
        if status != 200:
            raise EngineFault("engine", f"GET {path}: {_message(answer)}")
        return answer

    def _call(self, method: str, path: str) -> tuple[int, Any]:
        return self._http.call(method, self._path(path))

    def _path(self, path: str, **query: str) -> str:
        if not self._api:
            self.version()
        return f"{self._api}{path}" + (f"?{urlencode(query)}" if query else "")


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _message(answer: object) -> str:
    if isinstance(answer, Mapping):
        return str(answer.get("message", answer))[:1000]
    return str(answer)[:1000]
