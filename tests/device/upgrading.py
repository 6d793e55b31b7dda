"""An installed agent at a small tenant that orders upgrades, and releases that are broken."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import signal
import subprocess
import tarfile
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.agent.tests.tenant import CUSTOMER, Tenant
from iotistic_agent.loops.orders import claimed_id
from iotistic_contract.agent_release import MANIFEST
from iotistic_contract.orders import Order, OrderKind
from iotistic_pki.orders import sign_order
from tests.device.installing import BIN, Target, released

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASE_TIME = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
CUTTER = """
import os, signal, sys

what, _, nth = os.environ["CUT_AT"].partition("#")
seen = os.open(os.environ["CUT_COUNT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def cut(event, args):
    named = {
        "os.rename": 1, "os.symlink": 1, "os.remove": 0, "os.mkdir": 0, "os.exec": 0,
    }.get(event)
    if event == "subprocess.Popen":
        path = args[1][0]
    elif named is not None:
        path = args[named]
    else:
        return
    if f"{event}:{os.path.basename(os.fspath(path))}" == what:
        os.write(seen, b".")
        if os.fstat(seen).st_size == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(cut)
"""


def rebuilt(bundles: Path, folder: Path, version: str, main: str | None = None) -> Path:
    """Return the bundles as those of another version, with ``main`` as the agent's program."""
    folder.mkdir()
    document = json.loads((bundles / "bundles.json").read_text())
    bundle = next(one for one in document["bundles"] if one["arch"] == platform.machine())
    content = folder / "content"
    with tarfile.open(bundles / bundle["file"]) as tar:
        tar.extractall(content)  # noqa: S202 -- our own
    if main is not None:
        _replace_program(content, main)
    bundle["file"] = f"iotistic-agent-{version}-{bundle['arch']}.tar"
    path = folder / bundle["file"]
    with tarfile.open(path, "w") as tar:
        for each in sorted(content.iterdir()):
            tar.add(each, each.name)
    bundle["size"] = path.stat().st_size
    bundle["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps({"version": version, "bundles": [bundle]})
    (folder / "bundles.json").write_text(text)
    return folder


def _replace_program(content: Path, main: str) -> None:
    wheel = next(content.glob("iotistic_agent-*.whl"))
    before = hashlib.sha256(wheel.read_bytes()).hexdigest()
    other = wheel.with_suffix(".other")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            program = name == "iotistic_agent/__main__.py"
            text = main.encode() if program else old.read(name)
            if name.endswith(".dist-info/RECORD"):
                digest = base64.urlsafe_b64encode(hashlib.sha256(main.encode()).digest())
                line = (
                    f"iotistic_agent/__main__.py,sha256={digest.decode().rstrip('=')},{len(main)}"
                )
                lines = text.decode().splitlines()
                kept = [
                    each for each in lines if not each.startswith("iotistic_agent/__main__.py,")
                ]
                text = "\n".join([*kept, line, ""]).encode()
            new.writestr(name, text)
    other.replace(wheel)
    after = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements = content / "requirements.txt"
    requirements.write_text(requirements.read_text().replace(before, after))


def serve(tenant: Tenant, folder: Path, bundles: Path, later: timedelta) -> None:
    """Have the tenant serve a release of the bundles, signed by the key in ``folder``."""
    released(folder, bundles, RELEASE_TIME + later)
    tenant.release = folder / "release"


class Upgraded:
    """One installed agent, run as a service manager would, and its orders."""

    def __init__(self, target: Target, tenant: Tenant) -> None:
        self.target, self.tenant = target, tenant
        self.process: subprocess.Popen[bytes] | None = None
        self.counter = 0
        self.asked: str | None = None
        self.log_file = target.folder / "log"

    def install(self) -> None:
        self.target.install(string=str(self.tenant.string()))

    @property
    def uuid(self) -> str:
        return (self.target.state / "uuid").read_text()

    def start(self, *before: str, **environment: str) -> None:
        """Start what a service manager starts; ``before`` is a program that starts it."""
        fast = {
            "POLL_INTERVAL_MS": "200",
            "UPGRADE_WINDOW_MS": "100",
            "UPGRADE_TIMEOUT_MS": "8000",
        }
        lines = (self.target.prefix / "etc/agent.env").read_text().splitlines()
        told = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, self.target.current / "bin/iotistic-agent"],
                cwd="/proc",
                env={"PATH": BIN, **told, **fast, **environment},
                stdout=log,
                stderr=log,
            )

    def children(self) -> list[str]:
        assert self.process is not None
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def on_trial(self, version: str) -> bool:
        program = f"/{version}/bin/iotistic-agent"
        return any(program in self.shown(one) for one in self.children())

    def shown(self, pid: str) -> str:
        """Return a process's arguments, nothing of one that has ended."""
        try:
            return Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            return ""

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def cut(self, at: str) -> None:
        """Start it, and return when it was killed just before the ``nth`` of these events."""
        folder = self.target.folder / "cutter"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(CUTTER)
        count = folder / "count"
        count.unlink(missing_ok=True)
        self.start(PYTHONPATH=str(folder), CUT_AT=at, CUT_COUNT=str(count))
        assert self.process is not None
        self.wait(lambda: self.process.poll() is not None)  # type: ignore[union-attr]
        assert self.process.returncode == -signal.SIGKILL, self.tail()

    def order(self, **change: Any) -> str:
        """Sign an order for what the tenant serves, and return its token; ``change`` spoils it."""
        assert self.tenant.release is not None
        manifest = (self.tenant.release / MANIFEST).read_bytes()
        now = datetime.now(UTC).replace(microsecond=0)
        self.counter += 1
        order = Order(
            aud=CUSTOMER,
            uuid=self.uuid,
            registration=f"r{len(self.tenant.api_keys)}",
            id=f"order-{self.counter}",
            kind=OrderKind.UPGRADE,
            counter=self.counter,
            version=json.loads(manifest)["version"],
            sha256=hashlib.sha256(manifest).hexdigest(),
            not_before=now - timedelta(minutes=5),
            expires=now + timedelta(days=1),
        )
        return sign_order(replace(order, **change), self.tenant.order_key)

    def ordered(self, token: str) -> None:
        """Hand the order out at the next request."""
        with self.tenant.changed:
            self.tenant.job_statuses.clear()
            self.tenant.order = token
            self.asked = claimed_id(token)

    def ends(self, seconds: float = 60.0) -> tuple[str, str | None]:
        """Return the order's last status and what was said with it."""

        def final() -> list[tuple[str, str | None]]:
            told = self.tenant.job_statuses
            return [each[1:] for each in told if each[0] == self.asked and each[1] != "running"]

        with self.tenant.changed:
            assert self.tenant.changed.wait_for(final, seconds), self.tail()
            return final()[-1]

    def links(self) -> dict[str, str | None]:
        found = {}
        for name in ("current", "previous", "new"):
            path = self.target.prefix / name
            found[name] = str(path.readlink()) if path.is_symlink() else None
        return found

    def wait(self, holds: Callable[[], bool], seconds: float = 40.0) -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, (self.links(), self.tail())
            time.sleep(0.02)

    def tail(self) -> str:
        return self.log_file.read_text()[-3000:]
