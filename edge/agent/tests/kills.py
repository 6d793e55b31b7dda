"""One failure at one point of one change, and whether the device ends in the old or the new set."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.agent.tests.device import Device, app, applied

__all__ = ["CHANGES", "COLUMNS", "Change", "Disk", "Outcome", "points_of", "suffer"]

DYING = Path(__file__).with_name("dying.py")
COLUMNS = ("kill", "error", "power", "full")
LONG = 90.0
DISK_MIB = 24


def release(number: int, **more: Any) -> dict[str, Any]:
    return {"config": {"environment": {"RELEASE": str(number)}, **more}}


NEVER = {"healthcheck": {"test": ["CMD", "false"], "interval": "200ms", "retries": 2}}
OLD: dict[str, Any] = {"a": release(1), "b": release(1), "c": release(1)}


@dataclass(frozen=True)
class Change:
    """From the services ``before`` to ``after``, or back to those before."""

    before: dict[str, Any]
    after: dict[str, Any]
    goes_back: bool = False

    @property
    def ends(self) -> dict[str, Any]:
        return self.before if self.goes_back else self.after


CHANGES = {
    "first install": Change({}, OLD),
    "update": Change(OLD, {"a": release(2), "b": release(2), "c": release(1)}),
    "update that gets unhealthy": Change(
        OLD, {"a": release(2), "b": release(2, **NEVER), "c": release(1)}, goes_back=True
    ),
    "hand-over": Change(OLD, {**OLD, "a": {**release(2), "updateStrategy": "hand-over"}}),
    "change of states": Change(
        OLD,
        {
            "a": {**release(1), "state": "stopped"},
            "b": {**release(1), "state": "paused"},
            "c": release(1),
        },
    ),
    "removal": Change(OLD, {"a": release(1)}),
}


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``point`` is None when the change was over before."""

    point: str | None
    ended: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.ended == self.wanted and self.report == self.truth


class Disk:
    """A file system of its own for the agent's state, whose power can be cut.

    What the file behind it holds is what reached the disk: a copy of it is the disk after a cut.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".img")

    def __enter__(self) -> "Disk":
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(DISK_MIB * 2**20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.folder))  # a test that failed leaves its agent to others
        self._image.unlink()

    def cut(self, process: subprocess.Popen[bytes]) -> None:
        """Cut the power: ``process`` ends, and what wasn't synced is gone."""
        after = self._image.with_suffix(".cut")
        shutil.copyfile(self._image, after)
        process.kill()
        process.wait(20)
        _run("umount", str(self.folder))
        after.replace(self._image)
        self._mount()

    def fill(self) -> None:
        """Leave no room at all, until ``clear``."""
        with (self.folder / "filler").open("wb") as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
                file.flush()

    def clear(self) -> None:
        (self.folder / "filler").unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))


def suffer(
    device: Device, disk: Disk, change: Change, image: str, point: int, column: str
) -> Outcome:
    """Let ``change`` fail at its ``point``-th point in the way of ``column``; start it again."""
    tenant, trace = device.tenant, device.folder / "trace"
    version = _prepare(device, change, image)
    trace.unlink(missing_ok=True)
    tenant.set_apps(app(image, **change.after), version)
    mode = column if column in ("kill", "error") else "stop"
    device.start((str(DYING), str(point), mode, str(trace)))
    truth = _truth(change, version)
    _wait(lambda: _struck(device, mode, trace, point) or _is_so(device, change, truth))
    reached = trace.read_text().splitlines() if trace.exists() else []
    if len(reached) < point:
        device.kill()
        return Outcome(None)
    _after(device, disk, column)
    with suppress(TimeoutError):
        _wait(lambda: _is_so(device, change, truth))
    report = {key: tenant.sections.get(key) for key in truth}
    outcome = Outcome(reached[point - 1], _ended(device), report, _wanted(change), truth)
    device.stop()
    return outcome


def points_of(device: Device, change: Change, image: str) -> list[str]:
    """Return the names of the points of a change that nothing happens to."""
    trace = device.folder / "trace"
    version = _prepare(device, change, image)
    trace.unlink(missing_ok=True)
    device.tenant.set_apps(app(image, **change.after), version)
    device.start((str(DYING), "0", "kill", str(trace)))
    _wait(lambda: _is_so(device, change, _truth(change, version)))
    device.stop()
    return trace.read_text().splitlines()


def _prepare(device: Device, change: Change, image: str) -> int:
    """Bring the device to where the change begins; return the version of the change."""
    tenant = device.tenant
    version = device.versions = device.versions + 1
    tenant.set_apps(app(image, **change.before), version)
    device.start()
    _wait(lambda: applied(tenant, version))
    device.stop()
    device.versions += 1
    return device.versions


def _struck(device: Device, mode: str, trace: Path, point: int) -> bool:
    if mode == "error":
        return trace.exists() and len(trace.read_text().splitlines()) >= point
    if mode == "kill":
        return device.process.poll() is not None
    state = Path(f"/proc/{device.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


def _after(device: Device, disk: Disk, column: str) -> None:
    """Do what is left of the failure, and have an agent running again."""
    match column:
        case "kill":
            device.process.wait(20)
            device.start()
        case "power":
            disk.cut(device.process)
            device.start()
        case "full":
            disk.fill()
            device.process.send_signal(signal.SIGCONT)
            time.sleep(1.0)
            disk.clear()
            if device.process.poll() is not None:
                device.start()


def _truth(change: Change, version: int) -> dict[str, Any]:
    if change.goes_back:
        return {"status": "rolled_back", "failedVersion": version, "appliedVersion": version - 1}
    return {"status": "applied", "appliedVersion": version}


def _wanted(change: Change) -> dict[str, str]:
    states = {"stopped": "exited", "paused": "paused", "running": "running"}
    return {
        name: f"{states[each.get('state', 'running')]} {each['config']['environment']['RELEASE']}"
        for name, each in change.ends.items()
    }


def _ended(device: Device) -> dict[str, str]:
    """Each service's container: its state and release."""
    found = {}
    for name, (container, state) in device.containers().items():
        said = device.host.docker("inspect", container, missing_is_fine=True)
        if not said:
            continue
        environment = json.loads(said)[0]["Config"]["Env"]
        variables = dict(each.split("=", 1) for each in environment if "=" in each)
        found[name] = f"{state} {variables.get('RELEASE')}"
    return found


def _is_so(device: Device, change: Change, truth: dict[str, Any]) -> bool:
    sections = device.tenant.sections
    return all(sections.get(key) == value for key, value in truth.items()) and _ended(
        device
    ) == _wanted(change)


def _wait(holds: Callable[[], bool], seconds: float = LONG) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError("it doesn't come to that")
        time.sleep(0.1)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
