"""The agent with a real broker: status, will, and polls that come at once."""

import json
import ssl
import threading
import time
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.agent.tests.tenant import ADDRESS
from edge.agent.tests.test_agent_real import Device, app, applied
from iotistic_contract.lanes import EventType
from iotistic_pki import ca
from iotistic_pki.keys import new_key, private_pem
from iotistic_pki.requests import make_request
from tests.fixtures.broker import Mosquitto, start_mosquitto

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


class CloudSide:
    """The tenant's own client: sees what devices publish, and may tell them to poll."""

    def __init__(self, broker: Mosquitto, authority: ca.Authority) -> None:
        key = new_key("p256")
        leaf = authority.issue(make_request(key), ca.service("tenant-api"))
        certificate, private = broker.folder / "api.pem", broker.folder / "api.key"
        certificate.write_bytes(ca.pem([leaf]))
        private.write_bytes(private_pem(key))
        context = ssl.create_default_context(cafile=authority.folder / "tenant-ca.pem")
        context.load_cert_chain(certificate, private)
        self.seen: dict[str, list] = {}
        self.news = threading.Condition()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.tls_set_context(context)
        self.client.on_connect = lambda client, *_: client.subscribe("iot/device/#", 1)
        self.client.on_message = self.received
        self.client.connect(broker.address, broker.port)
        self.client.loop_start()

    def received(self, _client, _userdata, message) -> None:
        with self.news:
            self.seen.setdefault(message.topic, []).append(json.loads(message.payload))
            self.news.notify_all()

    def wait_for(self, holds, seconds: float = 20.0) -> None:
        with self.news:
            assert self.news.wait_for(holds, seconds), self.seen

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(authority, tmp_path_factory) -> Iterator[Mosquitto]:
    started = start_mosquitto(authority, ADDRESS, tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture
def device(docker_engine, tenant, broker, tmp_path) -> Iterator[Device]:
    tenant.broker_port = broker.port
    made = Device(docker_engine, tenant, tmp_path)
    yield made
    made.clean()


@pytest.fixture
def cloud(broker, authority) -> Iterator[CloudSide]:
    made = CloudSide(broker, authority)
    yield made
    made.close()


def test_status_update_and_will(device, tenant, cloud, busybox):
    status = f"iot/device/{device.uuid}/status"
    tenant.set_apps(app(busybox, one={}), 1)
    device.start(POLL_INTERVAL_MS="60000", METRICS_INTERVAL_MS="500")
    cloud.wait_for(lambda: cloud.seen.get(status) == [{"online": True}])
    tenant.wait_for(lambda: applied(tenant, 1))
    cloud.wait_for(lambda: f"iot/device/{device.uuid}/state" in cloud.seen)
    time.sleep(0.5)
    tenant.set_apps(app(busybox, one={"state": "paused"}), 2)
    began = time.monotonic()
    cloud.client.publish(f"agent/{device.uuid}/update", json.dumps({"schema": 1}), qos=1)
    tenant.wait_for(lambda: applied(tenant, 2))
    assert time.monotonic() - began < 5, "it polled because it was told to"
    assert tenant.sections["pollIntervalMs"] == 900_000, "the broker makes polls rare"
    copies = (f"iot/device/{device.uuid}/events", f"iot/device/{device.uuid}/metrics")
    cloud.wait_for(lambda: all(topic in cloud.seen for topic in copies))
    assert {event["type"] for event in cloud.seen[copies[0]]} <= set(EventType)
    assert cloud.seen[copies[1]][0]["metrics"]["memory_total"] > 0
    device.kill()
    cloud.wait_for(lambda: cloud.seen[status][-1] == {"online": False})


def test_a_broker_that_is_gone_leaves_polling(device, tenant, broker, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    tenant.poll_interval_ms = 300
    device.start(POLL_INTERVAL_MS="300")
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 900_000)
    broker.stop()
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 300)
    tenant.set_apps(app(busybox, one={"state": "stopped"}), 2)
    tenant.wait_for(lambda: applied(tenant, 2), 5)
    broker.start()
    tenant.wait_for(lambda: tenant.sections.get("pollIntervalMs") == 900_000)


def test_at_its_end_it_says_goodbye(device, tenant, cloud, busybox):
    tenant.set_apps(app(busybox, one={}), 1)
    device.start(POLL_INTERVAL_MS="60000")
    tenant.wait_for(lambda: applied(tenant, 1))
    status = f"iot/device/{device.uuid}/status"
    cloud.wait_for(lambda: cloud.seen.get(status) == [{"online": True}])
    assert device.stop() == 0
    cloud.wait_for(lambda: cloud.seen[status][-1] == {"online": False})
