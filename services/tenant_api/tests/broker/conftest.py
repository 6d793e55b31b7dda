"""A real Mosquitto as a tenant runs it: TLS, client certificates, pattern grants, CRL."""

from __future__ import annotations

import getpass
import json
import queue
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from iotistic_contract.topics import acl_file
from iotistic_pki.keys import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iotistic_tenant_api.testing import MemoryDevice, TenantFiles

ADDRESS = "127.77.6.2"
_PLUGIN = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"
_SEED = {
    "defaultACLAccess": {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": True,
    },
    "clients": [],
    "groups": [],
    "roles": [],
}
_API_GRANTS = """user tenant-api
topic read iot/device/#
topic write agent/#
topic write iot/device/+/jobs/notify
topic readwrite $CONTROL/dynamic-security/#
topic read $SYS/#

"""


@dataclass(slots=True)
class RunningBroker:
    """The broker's process; `stop` and `start` again at will."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid_file(self) -> Path:
        return self.folder / "mosquitto.pid"

    def start(self) -> None:
        arguments = ["/usr/sbin/mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((ADDRESS, self.port), timeout=1).close()
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=10)
            self.process = None


@pytest.fixture
def broker(tenant_files: TenantFiles, tmp_path: Path) -> Iterator[RunningBroker]:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    (tmp_path / "dynamic-security.json").write_text(json.dumps(_SEED))
    (tmp_path / "acl").write_text(_API_GRANTS + acl_file())
    files = tenant_files.folder
    lines = [
        f"user {getpass.getuser()}",
        "per_listener_settings false",
        "allow_anonymous false",
        f"plugin {_PLUGIN}",
        f"plugin_opt_config_file {tmp_path}/dynamic-security.json",
        f"acl_file {tmp_path}/acl",
        f"pid_file {tmp_path}/mosquitto.pid",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "message_size_limit 262144",
        f"listener {port} {ADDRESS}",
        f"cafile {files}/ca/tenant-ca.pem",
        f"certfile {files}/server.pem",
        f"keyfile {files}/server.key",
        f"crlfile {files}/crl.pem",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "tls_version tlsv1.2",
    ]
    (tmp_path / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    running = RunningBroker(tmp_path, port)
    running.start()
    yield running
    running.stop()


@dataclass(slots=True)
class Session:
    """A device at the broker: what it was delivered, and whether it was cut."""

    client: Client
    delivered: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    connected: queue.Queue[str] = field(default_factory=queue.Queue)
    cut: queue.Queue[str] = field(default_factory=queue.Queue)


@pytest.fixture
def sign_in(
    tenant_files: TenantFiles, broker: RunningBroker, tmp_path: Path
) -> Iterator[Callable[..., Session]]:
    """Connect a device with the certificate that it was given, subscribed to `topics`."""
    sessions: list[Session] = []

    def connect(device: MemoryDevice, certificate: str, *topics: str) -> Session:
        leaf, key = tmp_path / f"{device.uuid}.pem", tmp_path / f"{device.uuid}.key"
        leaf.write_text(certificate)
        write_private(key, device.tls_key)
        client = Client(CallbackAPIVersion.VERSION2, client_id="whatever", protocol=MQTTv5)
        client.tls_set(str(tenant_files.folder / "ca" / "tenant-ca.pem"), str(leaf), str(key))
        session = Session(client)
        sessions.append(session)

        def connected(*arguments: Any) -> None:
            for name in topics:
                client.subscribe(name, qos=1)

        client.on_connect = connected
        client.on_subscribe = lambda *_: session.connected.put("subscribed")
        client.on_message = lambda _c, _u, message: session.delivered.put(
            (message.topic, message.payload)
        )
        client.on_disconnect = lambda *arguments: session.cut.put(str(arguments[3]))
        client.connect(ADDRESS, broker.port)
        client.loop_start()
        for _ in topics:
            session.connected.get(timeout=5)
        return session

    yield connect
    for session in sessions:
        session.client.disconnect()
        session.client.loop_stop()
