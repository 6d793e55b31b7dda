"""The install script on this machine: cut, tampered with, upgraded, taken away. No tenant."""

from __future__ import annotations

import http.server
import json
import os
import pty
import shutil
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.device.installing import (
    SECRET,
    STRING,
    Target,
    built_bundles,
    released,
    renamed,
    tools_only,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
OPENSSL = (
    "openssl pkeyutl -verify -rawin -pubin -inkey release.pem -sigfile install.sh.sig"
    " -in install.sh"
)


@pytest.fixture(scope="module")
def bundles() -> Path:
    return built_bundles()


@pytest.fixture(scope="module")
def release(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release"), bundles)


@pytest.fixture
def target(release: Path, tmp_path: Path) -> Iterator[Target]:
    made = Target(tmp_path, release)
    yield made
    made.end()


def test_installed_again_started_and_taken_away(target: Target) -> None:
    """One long story: an install takes ten seconds."""
    said = target.install(source=os.path.relpath(target.release))
    assert f"start it with: {target.prefix}/bin/iotistic-agent" in said
    assert f"ask it with: {target.prefix}/bin/iotctl status" in said
    assert "is installed" in said
    assert target.is_whole()
    assert target.key.read_text() == STRING + "\n"
    assert target.key.stat().st_mode & 0o777 == 0o600
    assert target.state.stat().st_mode & 0o777 == 0o700

    before = target.snapshot()
    assert "nothing had to be changed" in target.install(string="")
    assert "nothing had to be changed" in target.install("--key-file", "-")
    assert target.snapshot() == before

    (target.prefix / "etc/local.env").write_text("LOG_LEVEL=loud\n")
    assert "LOG_LEVEL" in target.install("--start", ok=False)
    (target.prefix / "etc/local.env").unlink()
    target.install("--start")
    first, uuid = target.pid(), (target.state / "uuid").read_text()
    assert target.running()
    assert "nothing had to be changed" in target.install("--start", string="")
    assert target.pid() == first
    assert uuid.strip() in subprocess.check_output(
        [target.prefix / "bin/iotctl", "status"], text=True
    )

    another_string_restarts_it(target)
    second = target.pid()
    target.install("--name", "lamp", string="")
    assert target.pid() not in (first, second)
    assert "DEVICE_NAME=lamp\n" in (target.prefix / "etc/agent.env").read_text()
    target.install(string="")
    assert "DEVICE_NAME=lamp\n" in (target.prefix / "etc/agent.env").read_text()

    (target.current / "complete").unlink()
    assert "nothing was installed" in target.install(source="/nonexistent", string="", ok=False)
    assert (target.current / "bin/iotistic-agent").exists()

    (target.prefix / "etc/policy.json").write_text("{}")
    assert "your own files" in target.install("--uninstall")
    assert not target.running()
    assert [path.name for path in target.prefix.rglob("*")] == ["etc", "policy.json"]
    assert (target.state / "uuid").read_text() == uuid
    (target.prefix / "etc/policy.json").unlink()
    shutil.rmtree(target.prefix)

    target.install("--start", string="")
    assert (target.state / "uuid").read_text() == uuid
    target.install("--uninstall", "--purge")
    assert not target.prefix.exists()
    assert not target.state.exists()
    assert "nothing is installed" in target.install("--uninstall")


def another_string_restarts_it(target: Target) -> None:
    """And a link in the way of the new file isn't followed."""
    first, other = target.pid(), STRING.replace("key1", "key2")
    theirs = target.folder / "theirs"
    theirs.write_text("kept")
    target.key.with_name("provisioning-key.new").symlink_to(theirs)
    assert "is installed" in target.install("--start", "--key-file", "-", string=other)
    assert (target.key.read_text(), theirs.read_text()) == (other + "\n", "kept")
    assert target.pid() != first


def test_openssl_verifies_a_release_and_refuses_any_other(release: Path, tmp_path: Path) -> None:
    def verified(name: str = "", at: int = 0) -> bool:
        folder = tmp_path / f"{name}{at}"
        shutil.copytree(release, folder)
        if name:
            content = bytearray((folder / name).read_bytes())
            content[at] ^= 1
            (folder / name).write_bytes(content)
        done = subprocess.run(OPENSSL.split(), cwd=folder, capture_output=True, check=False)
        return done.returncode == 0

    assert verified()
    assert not verified("install.sh", 100)
    assert not verified("install.sh", -1)
    assert not verified("install.sh.sig", 0)
    assert not verified("install.sh.sig", 63)
    (tmp_path / "release.pem").write_bytes((release / "release.pem").read_bytes())


@pytest.mark.parametrize("harm", ["a bit", "an end", "more", "away"])
def test_a_bundle_that_isn_t_the_scripts_is_refused(
    target: Target, release: Path, tmp_path: Path, harm: str
) -> None:
    served = tmp_path / "served"
    shutil.copytree(release, served)
    bundle = next(served.glob("*.tar"))
    content = bytearray(bundle.read_bytes())
    match harm:
        case "a bit":
            content[len(content) // 2] ^= 1
        case "an end":
            del content[-512:]
        case "more":
            content += b"\0" * 512
    bundle.write_bytes(content)
    if harm == "away":
        bundle.unlink()
    said = target.install(source=str(served), ok=False)
    assert "nothing was installed" in said
    left = {path.name for path in target.prefix.rglob("*")}
    assert left <= {".iotistic-agent", ".lock"}
    assert not target.key.exists()


class Stalling(http.server.BaseHTTPRequestHandler):
    """Sends half of a bundle, and then nothing, until told to send all."""

    folder: Path
    whole = threading.Event()
    half = threading.Event()
    unavailable = 0

    def do_GET(self) -> None:
        content = (self.folder / self.path.rpartition("/")[2]).read_bytes()
        if Stalling.unavailable:
            Stalling.unavailable -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self.half.set()
        if self.whole.wait(30):
            self.wfile.write(content[len(content) // 2 :])

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def stalling(release: Path) -> Iterator[str]:
    Stalling.folder = release
    Stalling.whole.clear()
    Stalling.half.clear()
    server = http.server.ThreadingHTTPServer(("127.77.5.18", 0), Stalling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.77.5.18:{server.server_port}/install"
    Stalling.whole.set()
    server.shutdown()
    server.server_close()


def test_cut_anywhere_and_repeated(target: Target, release: Path, stalling: str) -> None:
    version = json.loads((release / "manifest.json").read_text())["version"]
    folder = target.prefix / version
    assert target.cut_when(Stalling.half.is_set, source=stalling)
    assert not target.current.exists()
    moments = [
        (folder / "bin/python").exists,
        lambda: any(folder.glob("lib/python3*/site-packages/cryptography")),
        lambda: (folder / "complete.new").exists() or (folder / "complete").exists(),
        target.key.exists,
        target.current.exists,
    ]
    for moment in moments:
        cut = target.cut_when(moment)
        assert not target.current.exists() or target.is_whole()
        assert cut or moment is moments[-1]
    Stalling.whole.set()
    Stalling.unavailable = 1
    target.install(source=stalling)
    assert target.is_whole()
    assert target.key.read_text() == STRING + "\n"
    left = [path.name for path in (*target.prefix.iterdir(), *target.state.iterdir())]
    assert not [name for name in left if name.endswith(".new") or name == ".download"]
    before = target.snapshot()
    assert "nothing had to be changed" in target.install(string="")
    assert target.snapshot() == before


def test_two_at_once_take_turns(target: Target) -> None:
    runs = [
        subprocess.Popen(target.command(), stdin=subprocess.PIPE, env=target.environment)
        for _ in range(2)
    ]
    for run in runs:
        run.stdin.write(STRING.encode())  # type: ignore[union-attr]
        run.stdin.close()  # type: ignore[union-attr]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert target.is_whole()


def test_upgraded_kept_and_never_set_back_unasked(
    target: Target, bundles: Path, tmp_path: Path
) -> None:
    signed, now = tmp_path / "signed", datetime.now(UTC)
    releases = {}
    for number, version in enumerate(("0.1.1", "0.1.2", "0.1.3")):
        built = renamed(bundles, tmp_path / version, version)
        folder = signed / version
        releases[version] = released(folder, built, now + timedelta(minutes=number))
    target.release = releases["0.1.1"]
    target.install("--start")
    uuid, first = (target.state / "uuid").read_text(), target.pid()
    target.release = releases["0.1.2"]
    target.install("--start", string="")
    assert (target.current.readlink().name, target.pid() == first) == ("0.1.2", False)
    assert (target.prefix / "previous").readlink().name == "0.1.1"
    assert ((target.state / "uuid").read_text(), target.running()) == (uuid, True)
    target.release = releases["0.1.3"]
    target.install(string="")
    assert {path.parent.name for path in target.prefix.glob("0.*/complete")} == {"0.1.2", "0.1.3"}

    target.release = releases["0.1.2"]
    assert "--downgrade" in target.install(string="", ok=False)
    assert target.current.readlink().name == "0.1.3"
    late = f"{now + timedelta(hours=1):%Y%m%d%H%M%S}"
    assert "older than" in target.install("--not-older-than", late, string="", ok=False)
    target.install("--downgrade", string="")
    assert target.current.readlink().name == "0.1.2"


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({}, "Python 3.11 or later is needed. Debian"),
        ({"python3": "echo 3.9 venv x86_64 glibc"}, "Python 3.9 is too old: 3.11"),
        ({"python3": "echo 2.7 venv x86_64 glibc"}, "Python 2.7 is too old"),
        ({"python3": "exit 1"}, "Python 3.11 or later is needed"),
        ({"python3": "echo 3.11 none x86_64 glibc"}, "apt-get install python3-venv"),
        ({"python3": "echo 3.11 venv x86_64 other"}, "C library"),
        ({"python3": "echo 3.11 venv armv7l glibc"}, "64-bit Raspberry Pi OS"),
        ({"python3": "echo 3.11 venv armv6l glibc"}, "Zero 2 or later"),
        ({"python3": "echo 3.11 venv riscv64 glibc"}, "nothing for riscv64, only for: x86_64"),
        ({"python3": "echo 3.99 venv x86_64 glibc"}, "no wheels for Python 3.99"),
    ],
)
def test_a_machine_that_won_t_do_is_told_what_to_do(
    target: Target, tmp_path: Path, programs: dict[str, str], words: str
) -> None:
    target.environment["PATH"] = tools_only(tmp_path / "bin", **programs)
    assert words in target.install(ok=False)
    assert not target.prefix.exists()
    assert not target.state.exists()


def test_a_newer_python_beside_an_old_one_is_taken(target: Target, tmp_path: Path) -> None:
    path = tools_only(tmp_path / "bin", python3="echo 3.9 venv x86_64 glibc")
    (tmp_path / "bin/python3.11").symlink_to("/usr/bin/python3.11")
    target.environment["PATH"] = path
    target.install()
    assert target.is_whole()


@pytest.mark.parametrize(
    ("arguments", "string", "words"),
    [
        ((), "", "a provisioning string is needed"),
        ((), "sesame", "that is no provisioning string"),
        ((), "iotp1.key1.short@127.0.0.1", "the secret is 32 bytes"),
        (("--key-file", "/nonexistent"), "", "can't read /nonexistent"),
        ((STRING,), "", "never an argument"),
        (("--name", "a b"), STRING, "--name takes"),
        (("--docker-host", "tcp://127.0.0.1:2375"), STRING, "--docker-host"),
        (("--state", "relative"), STRING, "--state is an absolute path"),
        (("--state", "/x y"), STRING, "--state: not a path"),
        (("--prefix", "/a/../b"), STRING, "--prefix: not a path"),
        (("--not-older-than", "tomorrow"), STRING, "digits"),
        (("--purge",), STRING, "--purge goes with --uninstall"),
        (("--name",), STRING, "needs a value"),
    ],
)
def test_what_can_t_be_is_refused(
    target: Target, arguments: tuple[str, ...], string: str, words: str
) -> None:
    assert words in target.install(*arguments, string=string, ok=False)
    assert not target.current.exists()
    assert not target.key.exists()


@pytest.mark.parametrize("which", ["opt", "state"])
def test_folders_of_others_are_left_alone(target: Target, which: str) -> None:
    theirs = target.folder / which / "theirs"
    theirs.parent.mkdir()
    theirs.write_text("kept")
    assert "isn't ours" in target.install(ok=False)
    assert "nothing is installed" in target.install("--uninstall", "--purge")
    assert theirs.read_text() == "kept"


def test_a_script_that_isn_t_released_does_nothing(target: Target, release: Path) -> None:
    script = target.folder / "install.sh"
    manifest = json.loads((release / "manifest.json").read_text())
    digits = "".join(filter(str.isdigit, manifest["released"]))[:14]
    text = (release / "install.sh").read_text()
    assert text.count(digits) == 1
    script.write_text(text.replace(digits, "@RELEASED@"))
    target.release = target.folder
    assert "is no release" in target.install(source=str(release), ok=False)


def test_the_terminal_asks_without_showing(target: Target) -> None:
    """The string is typed on a terminal: it is stored, and the terminal never shows it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve("/bin/sh", target.command(), target.environment)  # noqa: S606
    shown = b""
    while b"it is not shown" not in shown:
        shown += os.read(terminal, 1024)
    time.sleep(0.2)
    os.write(terminal, STRING.encode() + b"\n")
    while True:
        try:
            shown += os.read(terminal, 1024)
        except OSError:
            break
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert target.key.read_text() == STRING + "\n"
    assert SECRET.encode() not in shown
