"""The command that a tenant's API shows, pasted on a device: its agent comes online."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.agent.tests.test_agent_real import app
from iotistic_contract.provisioning import ProvisioningString
from iotistic_pki import ca
from iotistic_tenant_api.testing import Billing, TenantFiles
from tests.device.installing import (
    Target,
    arguments_and_environments,
    built_bundles,
    released,
    renamed,
)
from tests.device.test_agent_and_tenant_api import ADDRESS, CUSTOMER, RunningTenant
from tests.fixtures.broker import start_mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release"), built_bundles())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the tenant serves; each test gets the whole release in it."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def tenant(
    postgres_server: Any, tmp_path_factory: pytest.TempPathFactory, served: Path
) -> Iterator[RunningTenant]:
    with tempfile.TemporaryDirectory(prefix="tn-") as folder:
        files = TenantFiles.make(Path(folder), CUSTOMER, ADDRESS, Billing())
        with ca.load(Path(folder) / "ca") as authority:
            broker = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker"))
        conninfo = postgres_server.create()
        made = RunningTenant(files, broker, conninfo, tmp_path_factory.mktemp("tenant"))
        made.environment["INSTALL_DIR"] = str(served)
        try:
            made.start()
            yield made
        finally:
            made.stop()
            broker.stop()
            files.stop()


@pytest.fixture
def target(release: Path, served: Path, tmp_path: Path) -> Iterator[Target]:
    for path in served.iterdir():
        path.unlink()
    shutil.copytree(release, served, dirs_exist_ok=True)
    made = Target(tmp_path, release)
    yield made
    made.end()


def pasted(tenant: RunningTenant, target: Target, *arguments: str) -> list[str]:
    """Return the command of the API, with folders of the test's own."""
    command = tenant.call("GET", "/api/v1/install-command").json()["command"]
    assert command.endswith(" )")
    own = ["--prefix", str(target.prefix), "--state", str(target.state), *arguments]
    return ["sh", "-c", f"{command[:-2]} {' '.join(own)} )"]


def run(command: list[str], string: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=string, capture_output=True, text=True, timeout=120, check=False
    )


class Onlooker(threading.Thread):
    """Looks at every process of the machine for a secret, until told to stop."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret, self.looks, self.seen = secret.encode(), 0, False
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.seen |= any(self.secret in text for text in arguments_and_environments())
            self.looks += 1


class Installed:
    """An installed agent as ``RunningTenant.wait_applied`` wants a device."""

    def __init__(self, target: Target) -> None:
        self.uuid = (target.state / "uuid").read_text()
        self._log = target.state / "agent.log"

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


def test_one_line_and_the_device_is_online(
    tenant: RunningTenant, target: Target, docker_engine: Any, busybox: str
) -> None:
    string = tenant.string()
    onlooker = Onlooker(ProvisioningString.parse(string).secret)
    onlooker.start()
    engine = f"unix://{docker_engine.socket}"
    command = pasted(tenant, target, "--start", "--name", "lamp", "--docker-host", engine)
    done = run(command, string)
    onlooker.over.set()
    onlooker.join()
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert onlooker.looks > 10
    assert not onlooker.seen
    device = Installed(target)
    try:
        until = time.monotonic() + 30
        while tenant.call("GET", f"/api/v1/devices/{device.uuid}").status_code != 200:
            assert time.monotonic() < until, device.log()
            time.sleep(0.1)
        assert tenant.call("GET", f"/api/v1/devices/{device.uuid}").json()["name"] == "lamp"
        version = tenant.write(device.uuid, app(busybox, one={}), 0)
        report = tenant.wait_applied(device, version)  # type: ignore[arg-type]
        assert report["apps"]["app"]["services"]["id-one"]["state"] == "running"

        before, pid = target.snapshot(), target.pid()
        again = run(command, string)
        assert again.returncode == 0, again.stderr
        assert "nothing had to be changed" in again.stderr
        assert (target.snapshot(), target.pid()) == (before, pid)
        secret = ProvisioningString.parse(string).secret
        assert secret not in (target.state / "agent.log").read_text() + done.stderr + done.stdout
        target.install("--uninstall", "--purge")
        label = f"label=iotistic.device={device.uuid}"
        assert docker_engine.docker("ps", "-q", "--filter", label)
    finally:
        label = f"label=iotistic.device={device.uuid}"
        for each in docker_engine.docker("ps", "-aq", "--filter", label).split():
            docker_engine.docker("rm", "-f", each)
        for each in docker_engine.docker("network", "ls", "-q", "--filter", label).split():
            docker_engine.docker("network", "rm", each)


def test_an_order_upgrades_an_agent_that_nobody_looks_after(
    tenant: RunningTenant, target: Target, served: Path, tmp_path: Path
) -> None:
    """It was started in the background, so nothing starts it again; the broker tells it."""
    done = run(pasted(tenant, target), tenant.string())
    assert done.returncode == 0, done.stderr
    (target.prefix / "etc/local.env").write_text(
        "UPGRADE_WINDOW_MS=200\nPOLL_INTERVAL_MS=3600000\n"
    )
    target.install("--start", string="")
    device, pid = Installed(target), target.pid()
    until = time.monotonic() + 30
    while tenant.call("GET", f"/api/v1/devices/{device.uuid}").status_code != 200:
        assert time.monotonic() < until, device.log()
        time.sleep(0.1)

    (tmp_path / "next").mkdir()
    shutil.copy(target.release.parent / "key.pem", tmp_path / "next")
    bundles = renamed(built_bundles(), tmp_path / "bundles", "9.9")
    shutil.copytree(released(tmp_path / "next", bundles), served, dirs_exist_ok=True)
    answer = tenant.call("POST", f"/api/v1/devices/{device.uuid}/upgrade", {"version": "9.9"})
    assert answer.status_code == 201, answer.text
    until = time.monotonic() + 90
    while True:
        order = tenant.call("GET", f"/api/v1/devices/{device.uuid}/orders").json()["items"][0]
        if order["status"] not in {"waiting", "running"}:
            break
        assert time.monotonic() < until, device.log()[-20:]
        time.sleep(0.2)
    assert (order["status"], order["output"]) == ("succeeded", None)
    assert target.current.readlink().name == "9.9"
    assert target.pid() == pid
    assert target.running()
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert command[0] == f"{target.prefix}/9.9/bin/python"
    assert "a newer release is installed" in target.install(string="", ok=False)
    target.install("--uninstall", "--purge")
    shown = Path(f"/proc/{pid}/cmdline")
    assert not shown.exists() or not shown.read_bytes(), "ended, and perhaps not yet waited for"
    assert [path.name for path in target.prefix.rglob("*")] == ["etc", "local.env"]


@pytest.mark.parametrize("harmed", ["install.sh", "install.sh.sig", "release", "bundle"])
def test_a_tenant_that_was_tampered_with_installs_nothing(
    tenant: RunningTenant,
    target: Target,
    served: Path,
    tmp_path: Path,
    harmed: str,
) -> None:
    command = pasted(tenant, target)
    if harmed == "release":  # whole and signed, by somebody else's key
        shutil.copytree(released(tmp_path / "theirs", built_bundles()), served, dirs_exist_ok=True)
    else:
        path = next(served.glob("*.tar")) if harmed == "bundle" else served / harmed
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    done = run(command, tenant.string())
    assert done.returncode != 0
    assert not target.current.exists()
    assert not target.key.exists()
    if harmed == "bundle":
        assert "is not what this script was released with" in done.stderr
    else:
        assert "Verif" in done.stdout + done.stderr
        assert not target.prefix.exists()


def test_an_old_release_offered_to_a_newer_command_is_refused(
    tenant: RunningTenant, target: Target, served: Path, tmp_path: Path
) -> None:
    """Whoever answers in the tenant's place can offer an old release that is rightly signed."""
    old = tmp_path / "old"
    shutil.copytree(served, old)
    manifest = json.loads((served / "manifest.json").read_text())
    manifest["released"] = "2099-01-01T00:00:00.000Z"
    (served / "manifest.json").write_text(json.dumps(manifest))
    command = pasted(tenant, target)
    shutil.copytree(old, served, dirs_exist_ok=True)
    done = run(command, tenant.string())
    assert done.returncode == 1
    assert "somebody offers an old one" in done.stderr
    assert not target.prefix.exists()
