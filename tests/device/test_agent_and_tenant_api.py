"""The real agent at the real tenant API, broker, signing process and engine of one tenant."""

import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from edge.agent.tests.test_agent_real import Device, app
from iotistic_pki import ca
from iotistic_pki.keys import public_pem
from iotistic_tenant_api.testing import Billing, TenantFiles
from tests.fixtures.broker import Mosquitto, start_mosquitto
from tests.fixtures.engine import end, free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ADDRESS = "127.77.5.17"
CUSTOMER = "cust_" + "e6" * 16
SCOPES = ("read", "devices", "target-states", "overrides", "provisioning-keys", "upgrades")


class RunningTenant:
    """A tenant's programs, and people who call its API."""

    def __init__(self, files: TenantFiles, broker: Mosquitto, conninfo: str, folder: Path) -> None:
        self.files, self.folder, self.broker = files, folder, broker
        self.port = free_port(ADDRESS)
        self.base = f"https://{ADDRESS}:{self.port}"
        self.programs: list[subprocess.Popen[bytes]] = []
        billing, now = files.billing, datetime.now(UTC)
        texts = {
            "license-key.pem": public_pem(billing.license_key).decode(),
            "service-key.pem": public_pem(billing.service_key).decode(),
            "license.jwt": billing.license_token(CUSTOMER, now, "professional"),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
        self.environment = {
            "HOST": ADDRESS,
            "PORT": str(self.port),
            "PUBLIC_URL": self.base,
            "TLS_CERT_FILE": f"{files.folder}/server.pem",
            "TLS_KEY_FILE": f"{files.folder}/server.key",
            "DATABASE_URL": conninfo,
            "CUSTOMER_ID": CUSTOMER,
            "LICENSE_PUBLIC_KEY_FILE": f"{folder}/license-key.pem",
            "SERVICE_PUBLIC_KEY_FILE": f"{folder}/service-key.pem",
            "IOTISTIC_LICENSE_KEY_FILE": f"{folder}/license.jwt",
            "TENANT_CA_FILE": f"{files.folder}/ca/tenant-ca.pem",
            "SIGNER_SOCKET": f"{files.folder}/s",
            "CRL_FILE": f"{files.folder}/crl.pem",
            "PROVISIONING_KEYS_DIR": f"{folder}/keys/provisioning",
            "ORDER_KEY_FILE": f"{folder}/keys/order.pem",
            "DATA_KEY_FILE": f"{folder}/keys/data.key",
            "MQTT_HOST": ADDRESS,
            "MQTT_PORT": str(broker.port),
            "MQTT_CLIENT_CERT_FILE": f"{files.folder}/tenant-api.pem",
            "MQTT_CLIENT_KEY_FILE": f"{files.folder}/tenant-api.key",
        }
        self.trust = ssl.create_default_context(cafile=files.folder / "ca" / "tenant-ca.pem")

    def start(self) -> None:
        """Migrate, then serve and schedule; returns when the API is ready."""
        subprocess.run(
            [sys.executable, "-m", "iotistic_tenant_api", "migrate"],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        for command in ("serve", "scheduler"):
            with (self.folder / f"{command}.log").open("wb") as log:
                arguments = [sys.executable, "-m", "iotistic_tenant_api", command]
                program = subprocess.Popen(arguments, env=self.environment, stdout=log, stderr=log)
                self.programs.append(program)
        until = time.monotonic() + 30
        while True:
            try:
                self.call("GET", "/health/live")
            except httpx.TransportError:
                assert time.monotonic() < until, (self.folder / "serve.log").read_text()[-2000:]
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        for program in self.programs:
            end(program)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call the API as a person with every scope."""
        token = self.files.billing.service_token(CUSTOMER, SCOPES, datetime.now(UTC))
        sent = {"Authorization": f"Bearer {token}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        with httpx.Client(verify=self.trust, timeout=20) as client:
            return client.request(method, self.base + path, headers=sent, json=body)

    def string(self) -> str:
        answer = self.call("POST", "/api/provisioning-keys", {"name": "test"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    def write(self, uuid: str, apps: dict[str, Any], revision: int) -> int:
        """Write a target and return its version."""
        path = f"/api/v1/devices/{uuid}/target-state"
        answer = self.call("PUT", path, {"apps": apps}, If_Match=f'"{revision}"')
        assert answer.status_code in (200, 204), answer.text
        return int(self.call("GET", path).json()["version"])

    def report(self, uuid: str) -> dict[str, Any]:
        answer = self.call("GET", f"/api/v1/devices/{uuid}/current-state")
        return dict(answer.json().get("report") or {}) if answer.status_code == 200 else {}

    def wait_applied(self, device: Device, version: int, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the device reports that it applied ``version``; return the report."""
        until = time.monotonic() + seconds
        while True:
            report = self.report(device.uuid)
            if report.get("status") == "applied" and report.get("appliedVersion") == version:
                return report
            assert time.monotonic() < until, (report, device.log()[-8:])
            time.sleep(0.1)


@pytest.fixture(scope="module")
def tenant(
    postgres_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTenant]:
    with tempfile.TemporaryDirectory(prefix="tn-") as folder:
        files = TenantFiles.make(Path(folder), CUSTOMER, ADDRESS, Billing())
        with ca.load(Path(folder) / "ca") as authority:
            broker = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker"))
        made = RunningTenant(
            files, broker, postgres_server.create(), tmp_path_factory.mktemp("tenant")
        )
        try:
            made.start()
            yield made
        finally:
            made.stop()
            broker.stop()
            files.stop()


class AtTenant:
    """What ``Device`` wants of a tenant: its provisioning string."""

    def __init__(self, string: str) -> None:
        self.string: Callable[[], str] = lambda: string


@pytest.fixture
def device(docker_engine: Any, tenant: RunningTenant, tmp_path: Path) -> Iterator[Device]:
    made = Device(docker_engine, AtTenant(tenant.string()), tmp_path)
    yield made
    made.clean()


def test_from_a_string_to_three_states_and_an_override(
    device: Device, tenant: RunningTenant, busybox: str
) -> None:
    device.start(POLL_INTERVAL_MS="30000")
    until = time.monotonic() + 20
    while tenant.call("GET", f"/api/v1/devices/{device.uuid}").status_code != 200:
        assert time.monotonic() < until, device.log()
        time.sleep(0.1)
    time.sleep(2)
    apps = app(busybox, one={}, two={"state": "stopped"}, three={"state": "paused"})
    version = tenant.write(device.uuid, apps, 0)
    report = tenant.wait_applied(device, version, 5)
    states = {key: each["state"] for key, each in report["apps"]["app"]["services"].items()}
    assert states == {"id-one": "running", "id-two": "exited", "id-three": "paused"}
    before = device.containers()["one"][0]
    override = {"id-one": {"state": "stopped", "owner": "ada", "reason": "noise"}}
    answer = tenant.call("PATCH", f"/api/v1/devices/{device.uuid}/overrides", override)
    assert answer.status_code in (200, 204), answer.text
    tenant.wait_applied(device, version + 1, 5)
    assert device.containers()["one"] == (before, "exited")


def test_a_secret_reaches_its_container_alone(
    device: Device, tenant: RunningTenant, busybox: str
) -> None:
    device.start(POLL_INTERVAL_MS="1000")
    secret = f"s-{uuid4()}"
    tenant.call("POST", "/api/v1/devices", {"uuid": device.uuid, "name": "kept"})
    config = {"secrets": {"TOKEN": secret}}
    version = tenant.write(device.uuid, app(busybox, one={"config": config}), 0)
    tenant.wait_applied(device, version)
    inspected = json.loads(device.host.docker("inspect", device.name("one")))[0]
    assert f"TOKEN={secret}" in inspected["Config"]["Env"]
    assert secret not in json.dumps(inspected["Config"]["Labels"])
    assert secret not in (device.folder / "log").read_text()
    assert secret not in json.dumps(tenant.report(device.uuid))
