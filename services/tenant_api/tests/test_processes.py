"""The commands as they are run: migrate, serve with two workers over TLS, scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from iotistic_contract.codec import decode
from iotistic_contract.provisioning import KeyExchangeAnswer, ProvisioningString
from iotistic_pki.keys import public_pem
from iotistic_tenant_api.cli import MIGRATIONS
from iotistic_tenant_api.testing import MemoryDevice, TenantFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


ADDRESS = "127.77.6.2"
ALL_MIGRATIONS = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
SCOPES = ("read", "devices", "target-states", "provisioning-keys")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(
    tenant_files: TenantFiles, postgres: str, tmp_path: Path, customer_id: str
) -> dict[str, str]:
    """A deployment's environment; the service's own keys are made by migrate."""
    files, billing = tenant_files.folder, tenant_files.billing
    now = datetime.now(UTC)
    texts = {
        "license-key.pem": public_pem(billing.license_key).decode(),
        "service-key.pem": public_pem(billing.service_key).decode(),
        "license.jwt": billing.license_token(customer_id, now, "professional"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    port = str(_free_port())
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "HOST": ADDRESS,
        "PORT": port,
        "PUBLIC_URL": f"https://{ADDRESS}:{port}",
        "TLS_CERT_FILE": f"{files}/server.pem",
        "TLS_KEY_FILE": f"{files}/server.key",
        "DATABASE_URL": postgres,
        "CUSTOMER_ID": customer_id,
        "LICENSE_PUBLIC_KEY_FILE": f"{tmp_path}/license-key.pem",
        "SERVICE_PUBLIC_KEY_FILE": f"{tmp_path}/service-key.pem",
        "IOTISTIC_LICENSE_KEY_FILE": f"{tmp_path}/license.jwt",
        "TENANT_CA_FILE": f"{files}/ca/tenant-ca.pem",
        "SIGNER_SOCKET": f"{files}/s",
        "CRL_FILE": f"{files}/crl.pem",
        "PROVISIONING_KEYS_DIR": f"{tmp_path}/keys/provisioning",
        "ORDER_KEY_FILE": f"{tmp_path}/keys/order.pem",
        "DATA_KEY_FILE": f"{tmp_path}/keys/data.key",
        "MQTT_HOST": ADDRESS,
        "MQTT_CLIENT_CERT_FILE": f"{files}/tenant-api.pem",
        "MQTT_CLIENT_KEY_FILE": f"{files}/tenant-api.key",
    }


def run(environment: dict[str, str], command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "iotistic_tenant_api", command]
    return subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(command: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-m", "iotistic_tenant_api", command]
        process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


class People:
    """A client per call: each call may meet another worker."""

    def __init__(self, environment: dict[str, str], files: TenantFiles, customer: str) -> None:
        self.base = environment["PUBLIC_URL"]
        self.trust = ssl.create_default_context(cafile=files.folder / "ca" / "tenant-ca.pem")
        self.token = files.billing.service_token(customer, SCOPES, datetime.now(UTC))

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = kwargs.pop("headers", {"Authorization": f"Bearer {self.token}"})
        with httpx.Client(verify=self.trust) as client:
            return client.request(method, self.base + path, headers=headers, **kwargs)

    def wait_until_alive(self) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                self.call("GET", "/health/live")
            except httpx.TransportError:
                assert time.monotonic() < until
                time.sleep(0.1)
            else:
                return

    def register(self, device: MemoryDevice) -> None:
        key = self.call("POST", "/api/provisioning-keys", json={}).json()["key"]
        begun = device.key_exchange(ProvisioningString.parse(key).key_id)
        answer = self.call("POST", "/api/provisioning/v2/key-exchange", json=begun)
        exchange = decode(KeyExchangeAnswer, answer.json(), unknown="keep")
        body = device.body(device.registration_request(exchange, key))
        answer = self.call("POST", "/api/provisioning/v2/register", json=body)
        assert answer.status_code == 200, answer.text
        device.keep(answer.json())


def test_migrate_makes_tables_and_keys_once(environment: dict[str, str]) -> None:
    first, second = run(environment, "migrate"), run(environment, "migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    keys = environment["DATA_KEY_FILE"].rpartition("/")[0]
    names = ("provisioning", "order.pem", "order-next.pem", "data.key")
    made = [f"{keys}/{name}" for name in names]
    assert json.loads(first.stdout) == {"applied": ALL_MIGRATIONS, "made": made}
    assert json.loads(second.stdout) == {"applied": [], "made": []}


def test_a_lost_data_key_is_not_made_anew(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    Path(environment["DATA_KEY_FILE"]).unlink()
    answer = run(environment, "migrate")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: the data key ")
    assert "restore it from a backup" in answer.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"CUSTOMER_ID": ""}, "CUSTOMER_ID"),
        ({"LICENSE_PUBLIC_KEY_FILE": "/nowhere"}, "LICENSE_PUBLIC_KEY_FILE: can't read /nowhere"),
        ({"DATABASE_URL": "host=127.77.6.9 port=1 dbname=x"}, "no database at 127.77.6.9:1/x"),
        ({}, f"the database lacks {', '.join(ALL_MIGRATIONS)}; run the migrate command"),
    ],
)
def test_serve_says_in_one_line_why_not(
    environment: dict[str, str], changes: dict[str, str], says: str
) -> None:
    answer = run(environment | changes, "serve")
    assert answer.returncode == 2
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DATA_KEY_FILE", "short", "is wrong: a data key is 32 bytes"),
        ("ORDER_KEY_FILE", "junk", "not a readable private key"),
        ("LICENSE_PUBLIC_KEY_FILE", "junk", "LICENSE_PUBLIC_KEY_FILE and SERVICE_PUBLIC_KEY_FILE"),
    ],
)
def test_serve_names_the_file_that_it_cannot_use(
    environment: dict[str, str], name: str, text: str, says: str
) -> None:
    assert run(environment, "migrate").returncode == 0
    Path(environment[name]).write_text(text)
    answer = run(environment, "serve")
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1), answer.stderr
    assert says in answer.stderr
    assert "junk" not in answer.stderr


def test_changes_and_revocations_reach_every_worker_within_a_second(
    environment: dict[str, str],
    start: Callable[[str], Any],
    tenant_files: TenantFiles,
    customer_id: str,
) -> None:
    run(environment, "migrate")
    start("serve")
    people = People(environment, tenant_files, customer_id)
    people.wait_until_alive()
    device = MemoryDevice(uuid=str(uuid.uuid4()))
    people.register(device)
    state = f"/api/v1/device/{device.uuid}/state"

    def poll(_: int = 0) -> tuple[int, str]:
        answer = people.call("GET", state, headers=device.headers)
        return answer.status_code, answer.headers.get("etag", "")

    with ThreadPoolExecutor(8) as pool:
        time.sleep(0.3)
        assert {status for status, _ in pool.map(poll, range(16))} == {200}
        target = f"/api/v1/devices/{device.uuid}/target-state"
        headers = {"Authorization": f"Bearer {people.token}", "If-Match": '"0"'}
        written = people.call("PUT", target, json={"apps": {}}, headers=headers)
        time.sleep(0.9)
        assert set(pool.map(poll, range(16))) == {(200, written.json()["etag"])}
        people.call("DELETE", f"/api/v1/devices/{device.uuid}")
        time.sleep(0.9)
        assert {status for status, _ in pool.map(poll, range(16))} == {401}


def _news(postgres: str, count: int) -> None:
    """Tell all workers of so many changes, each of another device."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        for start in range(0, count, 100):
            parts = [f"{start + number}:{uuid.uuid4()}" for number in range(100)]
            payload = " ".join(["state", *parts])
            connection.execute("SELECT pg_notify('fleet_changed', %s)", (payload,))


def _streams(postgres: str) -> int:
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT count(*) FROM open_streams").fetchone()
    return int(row[0]) if row else 0


def _wait_for_streams(postgres: str, count: int) -> None:
    until = time.monotonic() + 10
    while _streams(postgres) != count:
        assert time.monotonic() < until
        time.sleep(0.1)


def _drained(lines: Iterator[str]) -> int:
    """Return how many lines there were until the stream ended, however it did."""
    count = 0
    with contextlib.suppress(httpx.TransportError):
        for _ in lines:
            count += 1
    return count


def _heard(lines: Iterator[str], word: str) -> str:
    for line in lines:
        if line == f"event: {word}":
            return next(lines)
    raise AssertionError(f"the stream ended without {word}")


@pytest.mark.timeout(120)
def test_streams_of_all_workers_and_one_who_never_reads(
    environment: dict[str, str],
    start: Callable[[str], Any],
    tenant_files: TenantFiles,
    customer_id: str,
    postgres: str,
) -> None:
    run(environment, "migrate")
    process = start("serve")
    people = People(environment, tenant_files, customer_id)
    people.wait_until_alive()
    with contextlib.ExitStack() as stack:
        ears = []
        for _ in range(6):  # connections spread over the workers
            client = stack.enter_context(httpx.Client(verify=people.trust, timeout=30))
            headers = {"Authorization": f"Bearer {people.token}"}
            url = f"{people.base}/api/v1/stream"
            answer = stack.enter_context(client.stream("GET", url, headers=headers))
            ears.append(answer.iter_lines())
        for ear in ears:
            _heard(ear, "hello")
        device = MemoryDevice(uuid=str(uuid.uuid4()))
        people.register(device)
        for ear in ears:
            assert device.uuid in "".join([_heard(ear, "device"), next(ear)])
        raw = socket.create_connection((ADDRESS, int(environment["PORT"])))
        deaf = stack.enter_context(people.trust.wrap_socket(raw, server_hostname=ADDRESS))
        deaf.sendall(
            f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {people.token}\r\n\r\n".encode()
        )
        readers = ThreadPoolExecutor(len(ears))
        drained = [readers.submit(_drained, ear) for ear in ears]
        _wait_for_streams(postgres, 7)
        until = time.monotonic() + 60
        while _streams(postgres) == 7:
            assert time.monotonic() < until, "the one who never reads is still there"
            _news(postgres, 10_000)
            time.sleep(1)
        assert _streams(postgres) == 6
        deaf.close()
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        ended = time.monotonic() - begun
        lengths = [reader.result(timeout=10) for reader in drained]
    assert min(lengths) > 1000, "who reads was told all along"
    assert ended < 6, "open streams keep no worker from stopping"
