"""SIGTERM ends the agent at once, whatever its calls to broker and cloud are waiting for."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509

from edge.agent.tests.device import Device
from edge.agent.tests.tenant import ADDRESS
from iotistic_pki import ca
from tests.fixtures.broker import Mosquitto, start_mosquitto

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

SOON = 3.0
"""Seconds: about one for the agent, the rest for a busy machine."""


class Clogged:
    """A port that takes no further connection: what connects to it waits for its own patience."""

    def __init__(self, port: int) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ADDRESS, port))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers: list[socket.socket] = []
        while self._fill():
            pass

    def _fill(self) -> bool:
        """Take one of the places; False when there is none left."""
        filler = socket.socket()
        filler.settimeout(0.3)
        try:
            filler.connect((ADDRESS, self.port))
        except TimeoutError:
            filler.close()
            return False
        self.fillers.append(filler)
        return True

    def close(self) -> None:
        for each in [self.listener, *self.fillers]:
            each.close()


class Silent:
    """A port that takes connections and never says a word."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server((ADDRESS, port), backlog=64)
        self.listener.settimeout(20)
        self.taken = []

    def reached(self) -> None:
        """Wait until somebody has connected."""
        self.taken.append(self.listener.accept()[0])

    def close(self) -> None:
        for each in [self.listener, *self.taken]:
            each.close()


@pytest.fixture
def broker(authority, tmp_path_factory) -> Iterator[Mosquitto]:
    started = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker"))
    yield started
    if started.process is not None:
        started.process.send_signal(signal.SIGCONT)
    started.stop()


@pytest.fixture
def device(docker_engine, tenant, broker, tmp_path) -> Iterator[Device]:
    tenant.broker_port = broker.port
    tenant.poll_interval_ms = 200
    made = Device(docker_engine, tenant, tmp_path)
    yield made
    made.clean()


def connected(device, tenant) -> None:
    """Start the agent, and wait until it polls rarely: the broker tells it when to."""
    tenant.set_apps({}, 1)
    device.start()
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 900_000)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def connecting(port: int) -> bool:
    """Whether some process waits for a connection to this port of ours (SYN_SENT)."""
    place = f"{socket.inet_aton(ADDRESS)[::-1].hex()}:{port:04x}".upper()
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2] == place and row[3] == "02" for row in rows)


def said(device, event: str) -> bool:
    return any(line["event"] == event for line in device.log())


def revoke(device, authority, broker) -> None:
    """End the device's certificate, and have the broker know it."""
    leaf = x509.load_pem_x509_certificate(
        (device.folder / "state" / "keys" / "client.pem").read_bytes()
    )
    broker.stop()
    authority.revoke(ca.serial_text(leaf))
    authority.write_crl(broker.folder / "crl.pem")
    broker.start()
    until(lambda: "certificate verify failed" in (broker.folder / "log").read_text())


def test_connected(device, tenant):
    connected(device, tenant)
    assert device.stop(SOON) == 0


def test_connected_to_a_broker_that_does_not_answer(device, tenant, broker):
    connected(device, tenant)
    broker.process.send_signal(signal.SIGSTOP)
    assert device.stop(SOON) == 0


def test_retrying_a_broker_that_is_gone(device, tenant, broker):
    connected(device, tenant)
    broker.stop()
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 200)
    assert device.stop(SOON) == 0


def test_retrying_with_a_revoked_certificate(device, tenant, authority, broker):
    connected(device, tenant)
    revoke(device, authority, broker)
    assert device.stop(SOON) == 0


def test_after_the_cloud_refused_the_key_and_the_broker_the_certificate(
    device, tenant, authority, broker
):
    connected(device, tenant)
    device.key_file.unlink()
    revoke(device, authority, broker)
    tenant.api_keys.append("dk1.other.x")
    until(lambda: said(device, "unauthorized"))
    assert device.stop(SOON) == 0


def test_in_the_middle_of_the_broker_s_handshake(device, tenant, broker):
    broker.stop()
    tenant.set_apps({}, 1)
    with closing(Silent(broker.port)) as silent:
        device.start()
        silent.reached()
        assert device.stop(SOON) == 0


def test_connecting_to_a_broker_that_takes_no_connection(device, tenant, broker):
    broker.stop()
    tenant.set_apps({}, 1)
    with closing(Clogged(broker.port)) as clogged:
        device.start()
        until(lambda: connecting(clogged.port))
        assert device.stop(SOON) == 0


def test_registering_at_a_cloud_that_takes_no_connection(device, tenant):
    with closing(Clogged(0)) as clogged:
        device.key_file.write_text(str(tenant.string(port=clogged.port)))
        device.start()
        until(lambda: connecting(clogged.port))
        assert device.stop(SOON) == 0


def test_polling_a_cloud_that_takes_no_connection(device, tenant):
    connected(device, tenant)
    assert device.stop() == 0
    tenant.server.shutdown()
    tenant.server.server_close()
    with closing(Clogged(tenant.port)) as clogged:
        device.start()
        until(lambda: connecting(clogged.port))
        assert device.stop(SOON) == 0
