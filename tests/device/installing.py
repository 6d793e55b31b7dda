"""The install script as a person runs it: a release, a device's folders, what changed in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from iotistic_contract.codec import b64u_encode
from iotistic_contract.planning.agent_release import plan
from iotistic_pki.release import ReleaseFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "edge/agent/packaging"
SECRET = b64u_encode(b"x" * 32)
STRING = f"iotp1.key1.{SECRET}@127.0.0.1:9"
BIN = "/usr/sbin:/usr/bin:/sbin:/bin"


def built_bundles() -> Path:
    """Build the real bundle for this machine unless it is there, and return its folder."""
    command = [sys.executable, str(ROOT / "tools/release.py"), "bundles"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=170)
    return ROOT / "build/bundles"


def released(folder: Path, bundles: Path, at: datetime | None = None) -> Path:
    """Sign a release of the bundles into ``folder``/release by ``folder``/key.pem."""
    release = ReleaseFolder(folder / "release", folder / "key.pem", bundles, PACKAGING)
    plan(release.read(at or datetime.now(UTC)), release.wanted()).apply(release)
    return folder / "release"


def renamed(bundles: Path, folder: Path, version: str) -> Path:
    """Return the same wheels as bundles of another version."""
    folder.mkdir()
    document = json.loads((bundles / "bundles.json").read_text())
    for bundle in document["bundles"]:
        name = f"iotistic-agent-{version}-{bundle['arch']}.tar"
        os.link(bundles / bundle["file"], folder / name)
        bundle["file"] = name
    document["version"] = version
    (folder / "bundles.json").write_text(json.dumps(document))
    return folder


@dataclass
class Target:
    """Where an agent is installed."""

    folder: Path
    release: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": BIN, "HOME": "/nonexistent"}
    )

    @property
    def prefix(self) -> Path:
        return self.folder / "opt"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> Path:
        return self.state / "provisioning-key"

    @property
    def current(self) -> Path:
        return self.prefix / "current"

    def command(self, *arguments: str, source: str | None = None) -> list[str]:
        said = ["sh", str(self.release / "install.sh"), "--prefix", str(self.prefix)]
        if "--uninstall" not in arguments:
            said += ["--from", source or str(self.release)]
            said += ["--docker-host", f"unix://{self.folder}/none.sock"]
        if "--state" not in arguments and not (self.prefix / "etc/agent.env").exists():
            said += ["--state", str(self.state)]
        return [*said, *arguments]

    def install(
        self, *arguments: str, string: str = STRING, source: str | None = None, ok: bool = True
    ) -> str:
        """Run the script to its end; return what it says."""
        done = subprocess.run(
            self.command(*arguments, source=source),
            input=string,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stderr
        assert not done.stdout
        assert SECRET not in done.stderr
        return done.stderr

    def cut_when(self, moment: Callable[[], bool], source: str | None = None) -> bool:
        """Run the script and kill it and all it started at that moment; False when it was over."""
        process = subprocess.Popen(
            self.command(source=source),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            start_new_session=True,
        )
        with process, process.stdin as stdin:  # type: ignore[union-attr]
            stdin.write(STRING.encode())
            stdin.close()
            while not moment():
                if process.poll() is not None:
                    return False
                time.sleep(0.001)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        return True

    def is_whole(self) -> bool:
        """Whether the agent that is current can be used."""
        if not (self.current / "complete").exists():
            return False
        program = [str(self.current / "bin/python"), "-c", "import iotistic_agent.runtime"]
        return subprocess.run(program, check=False).returncode == 0

    def snapshot(self) -> dict[str, tuple[int, int, int, str]]:
        """Return what a run could change of each file: inode, mode, time, content."""
        own = {
            "agent.log",
            "agent.pid",
            "agent.sock",
            "device.sqlite",
            "device.sqlite-wal",
            "device.sqlite-shm",
            "device.copy",
        }
        return {
            str(path): (status.st_ino, status.st_mode, status.st_mtime_ns, digest(path))
            for folder in (self.prefix, self.state)
            for path in sorted(folder.rglob("*"))
            if path.name not in own and "__pycache__" not in path.parts and not path.is_dir()
            for status in [path.lstat()]
        }

    def pid(self) -> int:
        return int((self.state / "agent.pid").read_text())

    def running(self) -> bool:
        try:
            os.kill(self.pid(), 0)
        except (OSError, ValueError):
            return False
        return True

    def end(self) -> None:
        """End the agent, if one was started."""
        if self.running():
            os.kill(self.pid(), signal.SIGKILL)
            while self.running():
                time.sleep(0.01)


def digest(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest()


TOOLS = (
    *("sh", "id", "uname", "cut", "printf", "grep", "sed", "cat", "tr", "df", "awk", "dirname"),
    *("mkdir", "chmod", "ls", "rm", "rmdir", "cmp", "mv", "ln", "readlink", "tar", "sync"),
    *("flock", "sleep", "nohup", "kill", "stty", "wc", "tail"),
)


def tools_only(folder: Path, **programs: str) -> str:
    """Return a PATH with the script's tools and these programs (shell texts), and nothing else."""
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name, path=BIN)
        assert found, name
        (folder / name).symlink_to(found)
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def arguments_and_environments() -> Iterator[bytes]:
    """Yield what each process of this machine shows to others."""
    for entry in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                yield (entry / name).read_bytes()
            except OSError:
                continue
