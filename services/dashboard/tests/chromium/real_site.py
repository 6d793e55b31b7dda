"""A tenant of the test's own: PostgreSQL, tenant API and dashboard, and its devices."""

from __future__ import annotations

import json
import math
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from iotistic_contract.codec import decode
from iotistic_contract.provisioning import KeyExchangeAnswer, ProvisioningString
from iotistic_pki.keys import public_pem
from iotistic_tenant_api.testing import Billing, MemoryDevice, TenantFiles

CUSTOMER = "cust_" + "d5" * 16
ADDRESS = "127.77.8.2"
OWNER, PASSWORD = "ada@example.com", "a password that ada chose"
ATTACK = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
ALL = ("read", "devices", "target-states", "overrides", "provisioning-keys")


@dataclass
class RealSite:
    """``url`` is the dashboard, ``api`` the tenant API; both can be stopped and started."""

    folder: Path
    conninfo: str
    billing: Billing = field(default_factory=Billing)
    files: TenantFiles = field(init=False)
    url: str = f"https://{ADDRESS}:{0}"
    api: str = ""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)

    def build(self) -> None:
        """Make keys, tables and processes."""
        self.files = TenantFiles.make(self.folder, CUSTOMER, ADDRESS, self.billing)
        self.api, self.url = (f"https://{ADDRESS}:{_free_port()}" for _ in range(2))
        now = datetime.now(UTC)
        texts = {
            "license-key": public_pem(self.billing.license_key).decode(),
            "service-key": public_pem(self.billing.service_key).decode(),
            "license": self.billing.license_token(CUSTOMER, now, "professional"),
        }
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        (self.folder / "proxy-secret").write_text(secrets.token_urlsafe(32))
        shared = {
            "PATH": os.environ["PATH"],  # noqa: TID251
            "HOST": ADDRESS,
            "CUSTOMER_ID": CUSTOMER,
            "PROXY_SECRET_FILE": f"{self.folder}/proxy-secret",
            "TLS_CERT_FILE": f"{self.folder}/server.pem",
            "TLS_KEY_FILE": f"{self.folder}/server.key",
        }
        self.environments["api"] = shared | self._api_environment()
        self.environments["dashboard"] = shared | {
            "PORT": self.url.rpartition(":")[2],
            "PUBLIC_URL": self.url,
            "API_URL": self.api,
            "TLS_CA_FILE": f"{self.folder}/ca/tenant-ca.pem",
            "STATE_DIR": f"{self.folder}/dashboard",
            "TENANT_NAME": "Acme Pumps",
        }
        migrate = [sys.executable, "-m", "iotistic_tenant_api", "migrate"]
        subprocess.run(migrate, env=self.environments["api"], check=True, capture_output=True)
        self.start("api")
        self.start("dashboard")

    def start(self, name: str) -> None:
        """Start a process, and wait until it answers."""
        program = {
            "api": [sys.executable, "-m", "iotistic_tenant_api", "serve"],
            "dashboard": [sys.executable, "-m", "iotistic_dashboard", "serve"],
        }[name]
        log = (self.folder / f"{name}.log").open("ab")
        self.running[name] = subprocess.Popen(
            program, env=self.environments[name], stdout=log, stderr=log
        )
        log.close()
        base = self.api if name == "api" else self.url
        until = time.monotonic() + 40
        while True:
            try:
                self.ask("GET", f"{base}/health/live")
            except httpx.TransportError:
                assert time.monotonic() < until, self.log(name)
                time.sleep(0.1)
            else:
                return

    def stop(self, name: str) -> None:
        """Stop a process."""
        process = self.running.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)

    def close(self) -> None:
        """Stop everything."""
        for name in ("dashboard", "api"):
            self.stop(name)
        self.files.stop()
        if keep := os.environ.get("KEEP_LOGS"):  # noqa: TID251
            for name in ("api", "dashboard"):
                (Path(keep) / f"{name}.log").write_text(self.log(name))

    def log(self, name: str) -> str:
        """Return the end of a process's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request to the API or the dashboard."""
        trust = ssl.create_default_context(cafile=self.folder / "ca" / "tenant-ca.pem")
        with httpx.Client(verify=trust, timeout=10) as client:
            return client.request(method, url, json=body, headers=headers)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API as a service with every scope; its JSON."""
        token = self.billing.service_token(CUSTOMER, ALL, datetime.now(UTC))
        sent = {"Authorization": f"Bearer {token}"} | headers
        answer = self.ask(method, f"{self.api}{path}", body, **sent)
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    def invite_owner(self) -> str:
        """Return the token of the first owner's invitation, as billing gets it."""
        token = self.billing.service_token(CUSTOMER, ["invite"], datetime.now(UTC))
        answer = self.ask(
            "POST",
            f"{self.api}/api/v1/invitations",
            {"email": OWNER, "role": "owner"},
            Authorization=f"Bearer {token}",
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def register(self, name: str, **changes: Any) -> MemoryDevice:
        """Register a device and name it."""
        key = self.call("POST", "/api/provisioning-keys", {"name": f"for {name}"[:60]})["key"]
        device = MemoryDevice()
        begun = device.key_exchange(ProvisioningString.parse(key).key_id)
        exchanged = self.ask("POST", f"{self.api}/api/provisioning/v2/key-exchange", begun).json()
        exchange = decode(KeyExchangeAnswer, exchanged, unknown="keep")
        body = device.body(device.registration_request(exchange, key))
        answer = self.ask("POST", f"{self.api}/api/provisioning/v2/register", body)
        assert answer.status_code == 200, answer.text
        device.keep(answer.json())
        self.call("PATCH", f"/api/v1/devices/{device.uuid}", {"name": name, **changes})
        return device

    def report(self, device: MemoryDevice, sequence: int, **sections: Any) -> None:
        """Report as the device does."""
        body = {
            "schema": 1,
            "stream": "s",
            "epoch": 1,
            "sequence": sequence,
            "at": _time(),
            "uuid": device.uuid,
            "pollIntervalMs": 3_600_000,
            "agentVersion": "0.1.0",
            "osVersion": "Debian 12",
        } | sections
        url = f"{self.api}/api/v1/device/state"
        answer = self.ask("PATCH", url, body, **device.headers)
        assert answer.status_code == 204, answer.text

    def write(self, device: MemoryDevice, spec: Any, revision: int = 0) -> None:
        """Write a target state."""
        path = f"/api/v1/devices/{device.uuid}/target-state"
        self.call("PUT", path, spec, **{"If-Match": f'"{revision}"'})

    def send_logs(self, device: MemoryDevice, *lines: dict[str, Any]) -> None:
        """Send log lines as the device does."""
        mark = {"stream": "l", "epoch": 1, "at": _time()}
        texts = [json.dumps(mark | {"sequence": n} | line) for n, line in enumerate(lines, 1)]
        headers = device.headers | {"Content-Type": "application/x-ndjson"}
        trust = ssl.create_default_context(cafile=self.folder / "ca" / "tenant-ca.pem")
        with httpx.Client(verify=trust, timeout=10) as client:
            url = f"{self.api}/api/v1/device/{device.uuid}/logs"
            answer = client.post(url, content="\n".join(texts), headers=headers)
        assert answer.status_code == 204, answer.text

    def remember_metrics(self, device: MemoryDevice, hours: int = 5) -> None:
        """Put metrics of the last hours where reports put them."""
        now = datetime.now(UTC)
        rows = [
            (
                device.uuid,
                now - timedelta(minutes=minute),
                Jsonb({
                    "cpu_usage": 20 + 9 * math.sin(minute / 17),
                    "memory_usage": 1200 + minute,
                    "memory_total": 3900,
                    "cpu_temp": 44 + 3 * math.cos(minute / 30),
                }),
            )
            for minute in range(1, hours * 60, 2)
        ]  # fmt: skip
        with psycopg.connect(self.conninfo) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO device_metrics (device_uuid, at, metrics) VALUES (%s, %s, %s)", rows
            )

    def _api_environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PORT": self.api.rpartition(":")[2],
            "PUBLIC_URL": self.api,
            "WORKERS": "2",
            "DATABASE_URL": self.conninfo,
            "LICENSE_PUBLIC_KEY_FILE": f"{folder}/license-key",
            "SERVICE_PUBLIC_KEY_FILE": f"{folder}/service-key",
            "IOTISTIC_LICENSE_KEY_FILE": f"{folder}/license",
            "TENANT_CA_FILE": f"{folder}/ca/tenant-ca.pem",
            "SIGNER_SOCKET": f"{folder}/s",
            "CRL_FILE": f"{folder}/crl.pem",
            "PROVISIONING_KEYS_DIR": f"{folder}/provisioning",
            "ORDER_KEY_FILE": f"{folder}/order.pem",
            "DATA_KEY_FILE": f"{folder}/data.key",
            "MQTT_HOST": ADDRESS,
            "MQTT_CLIENT_CERT_FILE": f"{folder}/tenant-api.pem",
            "MQTT_CLIENT_KEY_FILE": f"{folder}/tenant-api.key",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
