"""A demo site of the tests' own: `./run demo` with another folder and other addresses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, JSON body (None when it has none), headers."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Tenant:
    """A tenant as billing describes it."""

    id: str
    short_id: str
    name: str
    address: str

    @property
    def url(self) -> str:
        return f"https://{self.address}:3002"


@dataclass(frozen=True)
class Device:
    """A device of the inventory."""

    name: str
    uuid: str
    tenant: str


class DemoSite:
    """Runs the demo and looks at it from outside."""

    def __init__(self, state: Path, net: str) -> None:
        self.state = state
        self.net = net
        self.prefix = net.rpartition(".")[0]
        self.id = hashlib.sha256(os.path.realpath(state).encode()).hexdigest()[:8]
        self.run_folder = run_folder(self.id)
        self.billing = f"https://{self.prefix}.3:3100"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "IOTISTIC_STATE": str(self.state),
            "IOTISTIC_NET": self.net,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `./run demo` with the arguments; output is a pipe."""
        return subprocess.Popen(
            [str(ROOT / "run"), "demo", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, timeout: int = 480, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `./run demo` to its end."""
        process = self.start(*arguments, **environment)
        output, _ = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    # --- what the site says of itself ---------------------------------------------------------

    def secret(self, name: str) -> str:
        return (self.state / "secrets" / name).read_text()

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.state / "pki/root/ca.pem"))

    def call(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Make one verified HTTPS request; HTTP errors are answers, not exceptions."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - https only, our own site
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=sent | (headers or {}),
        )
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, context=context or self.tls(), timeout=30
            ) as got:
                return _answer(got.status, got.read(), dict(got.headers))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), dict(error.headers))

    def admin(self, method: str, path: str, body: object = None) -> Answer:
        return self.call(
            method, f"{self.billing}{path}", body, token=self.secret("billing-admin-token")
        )

    def tenant(self, name: str) -> Tenant:
        view = self.admin("GET", f"/api/customers?external_id={name}").body["items"][0]
        address = re.search(r"//([\d.]+):", view["instance_url"]).group(1)  # type: ignore[union-attr]
        return Tenant(view["id"], view["short_id"], name, address)

    def service_token(self, tenant: Tenant, scope: str) -> str:
        answer = self.admin(
            "POST",
            f"/api/customers/{tenant.id}/service-tokens",
            {"scope": scope, "reason": "end-to-end test"},
        )
        return str(answer.body["token"])

    # --- what runs ----------------------------------------------------------------------------

    def processes(self, mark: str = "IOTISTIC_SITE") -> dict[int, str]:
        """Return pid -> command line of every process that carries the site's id."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                marks = (entry / "environ").read_bytes().split(b"\0")
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"{mark}={self.id}".encode() in marks:
                found[int(entry.name)] = command.strip()
        return found

    def pid(self, program: str) -> int:
        """Return the pid of a program's own process (the child of its guard)."""
        shown = self.supervisorctl("pid", program)
        guard = int(shown.strip())
        children = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
        return int(children[0]) if children else guard

    def supervisorctl(self, *arguments: str) -> str:
        return subprocess.run(
            [
                str(ROOT / ".venv/bin/supervisorctl"),
                "-c",
                str(self.state / "supervisor/supervisord.conf"),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def docker(self, *arguments: str) -> str:
        socket = self.run_folder / "docker.sock"
        host = f"unix://{socket if socket.exists() else '/var/run/docker.sock'}"
        return subprocess.run(
            ["docker", "-H", host, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    def containers(self, device: str) -> dict[str, str]:
        """Return service name -> engine's state of a device's containers, paused before running."""
        lines = self.docker(
            "ps", "-a", "--filter", f"label=iotistic.device={device}",
            "--format", "{{.Names}} {{.State}}",
        ).splitlines()  # fmt: skip
        return {name.rpartition("-")[2]: state for name, state in (line.split() for line in lines)}


def run_folder(site_id: str) -> Path:
    """Return where a site that is made now puts its sockets."""
    if os.geteuid() == 0:
        return Path(f"/run/iotistic-{site_id}")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir() and Path(runtime).stat().st_uid == os.geteuid():
        return Path(runtime) / f"iotistic-{site_id}"
    return Path(f"/tmp/iotistic-{os.geteuid()}-{site_id}")  # noqa: S108


def _answer(status: int, content: bytes, headers: dict[str, str]) -> Answer:
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = content.decode(errors="replace")
    return Answer(status, body, {name.lower(): value for name, value in headers.items()})


def wait_for(condition, timeout: float = 30, step: float = 0.1) -> Any:
    """Return the condition's first true value; fail when it has none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"still {value!r} after {timeout} s"
        time.sleep(step)


def recap(output: str) -> dict[str, dict[str, int]]:
    """Return Ansible's recap: host -> {ok, changed, failed, …}."""
    lines = output.rpartition("PLAY RECAP")[2].splitlines()
    found = {}
    for line in lines:
        if match := re.match(r"^(\S+)\s+: (ok=.*)$", line):
            pairs = (pair.split("=") for pair in match.group(2).split())
            found[match.group(1)] = {name: int(count) for name, count in pairs}
    return found
