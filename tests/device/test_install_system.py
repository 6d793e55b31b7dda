"""What the install script does with a whole machine: systemd, a full disk, a Raspberry Pi.

In a mount namespace of their own the tests bring folders of the system; systemd itself can't run
there, so ``systemctl`` is a stand-in that keeps what it is told, and ``systemd-analyze`` judges the
unit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.device.installing import PACKAGING, STRING, Target, built_bundles, released

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has a mount namespace"),
]

SYSTEMCTL = """#!/bin/sh
folder=$(dirname "$0")/systemd
[ "$1" = daemon-reload ] || for unit in "$@"; do :; done
case $1 in
    is-enabled) [ -e "$folder/enabled" ]; exit ;;
    is-active) [ -e "$folder/active" ]; exit ;;
    enable) : >"$folder/enabled" ;;
    start | restart) : >"$folder/active" ;;
    disable) rm -f "$folder/enabled" "$folder/active" ;;
esac
echo "$*" >>"$folder/told"
"""


Folders = tuple[tuple[str, int, int], ...]


class Machine(Target):
    """A target whose script sees /run, /etc/systemd/system and /sys/firmware of the test's own."""

    mounts: tuple[str, ...] = ()

    def prepare(self) -> None:
        (self.folder / "bin/systemd").mkdir(parents=True)
        (self.folder / "bin/systemctl").write_text(SYSTEMCTL)
        (self.folder / "bin/systemctl").chmod(0o755)
        (self.folder / "units").mkdir()
        self.environment["PATH"] = f"{self.folder}/bin:{self.environment['PATH']}"

    @property
    def unit(self) -> Path:
        return self.folder / "units/iotistic-agent.service"

    def told(self) -> list[str]:
        """Return what systemctl was told since the last look."""
        path = self.folder / "bin/systemd/told"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def command(self, *arguments: str, source: str | None = None) -> list[str]:
        text = " && ".join((*self.mounts, 'exec "$@"'))
        script = super().command(*arguments, source=source)
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", text, "sh", *script]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release"), built_bundles())


@pytest.fixture
def machine(release: Path, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, release)
    made.prepare()
    yield made
    made.end()


def with_systemd(machine: Machine) -> None:
    machine.mounts = (
        "mount -t tmpfs none /run",
        "mkdir -p /run/systemd/system",
        f"mount --bind {machine.folder}/units /etc/systemd/system",
    )


def test_systemd_runs_it(machine: Machine) -> None:
    with_systemd(machine)
    assert "iotistic-agent.service" in machine.install()
    name = "iotistic-agent.service"
    assert machine.told() == ["daemon-reload", f"enable --quiet {name}", f"start {name}"]
    unit = machine.unit.read_text()
    for line in (
        "Type=simple",
        f"ExecStart={machine.prefix}/current/bin/iotistic-agent",
        f"EnvironmentFile={machine.prefix}/etc/agent.env",
        f"ReadWritePaths={machine.state} {machine.prefix}",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
    ):
        assert f"\n{line}\n" in unit

    assert "nothing had to be changed" in machine.install(string="")
    assert machine.told() == []
    machine.install("--name", "lamp", string="")
    assert machine.told() == ["daemon-reload", f"restart {name}"]

    other = Machine(machine.folder / "other", machine.release, machine.environment)
    other.folder.mkdir()
    other.mounts = machine.mounts
    assert "an agent from another folder" in other.install(ok=False)
    assert not other.prefix.exists()

    machine.install("--uninstall")
    assert machine.told() == [f"disable --quiet --now {name}", "daemon-reload"]
    assert not machine.unit.exists()


def test_the_background_and_systemd_know_of_each_other(machine: Machine) -> None:
    with_systemd(machine)
    machine.install("--start")
    assert machine.running()
    assert machine.told() == []
    machine.install(string="")
    assert not machine.running()
    assert not (machine.state / "agent.pid").exists()
    assert machine.told()[-1] == "start iotistic-agent.service"

    before = machine.snapshot()
    for state in ("active", "enabled"):
        assert "systemd runs this agent" in machine.install("--start", string="", ok=False)
        (machine.folder / "bin/systemd" / state).unlink()
    assert machine.snapshot() == before
    machine.install("--start", string="")
    assert machine.running()


ROOT_ONLY = [
    ("root's", (("a", 0o755, 0),), "a/b", ""),
    ("a group's", (("a", 0o775, 7),), "a", "a can be changed by others"),
    ("root's group", (("a", 0o775, 0),), "a/b", ""),
    ("anybody's", (("a", 0o757, 0),), "a", "a can be changed by others"),
    ("below anybody's", (("a", 0o777, 0), ("a/b", 0o700, 0)), "a/b", "a can be changed by others"),
    ("shared itself", (("a", 0o1777, 0),), "a", "a can be changed by others"),
    ("in a shared one", (("a", 0o1777, 0), ("a/b", 0o700, 0)), "a/b/c", ""),
    ("not yet in a shared one", (("a", 0o1777, 0),), "a/b", "a/b could be made by anybody"),
    ("another's", (("a", 0o700, 0), ("a/b", 0o700, -1)), "a/b", "a/b isn't root's"),
    ("below another's", (("a", 0o700, -1), ("a/b", 0o700, 0)), "a/b", "a isn't root's"),
]


@pytest.mark.parametrize(
    ("folders", "path", "words"), [case[1:] for case in ROOT_ONLY], ids=[c[0] for c in ROOT_ONLY]
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_path_that_is_roots_alone(
    tmp_path: Path, folders: Folders, path: str, words: str, linked: bool
) -> None:
    made_with(tmp_path, folders)
    asked = tmp_path / path
    if linked:
        (tmp_path / "link").symlink_to(path.partition("/")[0])
        asked = tmp_path / "link" / path.partition("/")[2]
    program = [sys.executable, "-I", str(PACKAGING / "trusted.py"), "/", str(asked)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (words == "")
    assert (f"install: {tmp_path}/{words}" if words else "") in done.stderr


def test_a_link_of_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("/opt")
    os.chown(tmp_path / "link", 65534, 0, follow_symlinks=False)
    for name, words in (("loop", "leads nowhere"), ("link", "isn't root's")):
        program = [sys.executable, "-I", str(PACKAGING / "trusted.py"), str(tmp_path / name / "x")]
        assert words in subprocess.run(program, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("which", ["opt", "state"])
def test_root_installs_nothing_where_others_write(machine: Machine, which: str) -> None:
    made_with(machine.folder, ((which, 0o777, 0),))
    assert f"{which} can be changed by others than root" in machine.install(ok=False)
    assert not any(machine.folder.glob("opt/*"))
    assert not any(machine.folder.glob("state/*"))


def made_with(above: Path, folders: Folders) -> None:
    """Make folders of a mode and a group; with the group -1 they are another's."""
    for name, mode, group in folders:
        (above / name).mkdir()
        os.chown(above / name, 65534 if group < 0 else 0, max(group, 0))
        (above / name).chmod(mode)


def test_the_unit_is_one_that_systemd_takes(machine: Machine) -> None:
    with_systemd(machine)
    machine.install()
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(machine.unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=35", str(machine.unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout


def test_the_unit_leaves_the_agent_what_it_needs(machine: Machine) -> None:
    """With the unit's capabilities and folders read-only but for its state, the agent starts."""
    machine.install()
    machine.mounts = (
        f"mount --bind {machine.folder} {machine.folder}",
        f"mount --bind {machine.state} {machine.state}",
        f"mount -o remount,bind,ro {machine.folder}",
        "set -a",
        f". {machine.prefix}/etc/agent.env",
    )
    limits = "--bounding-set=-all,+dac_read_search --inh-caps=-all --no-new-privs"
    agent = f"exec setpriv {limits} timeout 5 {machine.current}/bin/iotistic-agent"
    text = " && ".join((*machine.mounts, agent))
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", text],
        capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False,
    )  # fmt: skip
    assert '"event": "started"' in done.stderr, done.stderr
    assert (machine.state / "device.sqlite").exists()


def test_a_full_disk_is_said_before_anything_changes(machine: Machine) -> None:
    (machine.folder / "small").mkdir()
    machine.mounts = (f"mount -t tmpfs -o size=8m none {machine.folder}/small",)
    small = f"{machine.folder}/small"
    said = machine.install("--state", f"{small}/state", ok=False)
    assert f"{small} has 8 MB free, 10 MB are needed" in said
    assert not machine.prefix.exists()


def test_a_raspberry_pi_is_named(machine: Machine) -> None:
    model = machine.folder / "model"
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    machine.mounts = (
        "mount -t tmpfs none /sys/firmware",
        "mkdir -p /sys/firmware/devicetree/base",
        f"cp {model} /sys/firmware/devicetree/base/model",
    )
    said = machine.install(string="sesame", ok=False)
    assert "Python 3.11, Raspberry Pi 4 Model B Rev 1.4\n" in said
    assert STRING not in said
