"""The tenant's broker: last will, status, and the words "poll now" and "an order waits"."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from iotistic_agent.adapters.cloud import verified_by
from iotistic_agent.adapters.meter import Meter
from iotistic_agent.adapters.tunnel import tunnelled
from iotistic_agent.ambient import utc_now
from iotistic_agent.logs import Component, log
from iotistic_agent.proxies import NO_PROXIES, Proxies, Proxy
from iotistic_agent.registration import Registration
from iotistic_contract.provisioning import MqttAccess
from iotistic_contract.topics import MAX_PAYLOAD
from iotistic_pki.files import write_atomic

__all__ = ["Broker", "Hears", "broker_context"]

SESSION_SECONDS = 7 * 86_400
LONGEST_RECONNECT = 60
UNSUPPORTED_VERSION = 132
GOODBYE = 0.5
LAST_WORDS = 0.3
_HEARD = ("update", "upgrade", "jobsNotify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hears:
    """Who is called, from the connection's own thread."""

    subscribed: Callable[[], object]
    lost: Callable[[], object]
    update: Callable[[], object]
    ordered: Callable[[], object]
    too_modern: Callable[[], object]


def broker_context(
    access: MqttAccess,
    key_file: Path,
    certificate: str = "client.pem",
    now: Callable[[], datetime] = utc_now,
) -> ssl.SSLContext:
    """Return a context with the answer's CA and, when there is one, our certificate.

    The certificate is written into the file of that name beside its key.
    """
    context = verified_by(access.broker_config.ca_cert, now=now)
    if access.client_certificate is not None:
        file = key_file.with_name(certificate)
        write_atomic(file, access.client_certificate.encode("ascii"), 0o600)
        context.load_cert_chain(file, key_file)
    return context


class Broker:
    """One connection, kept up by a thread of its own; callbacks come from that thread.

    MQTT 5 with a session of seven days; 3.1.1 with a kept session where the broker speaks no 5.
    """

    def __init__(  # noqa: PLR0913 -- what a connection is made of
        self,
        registration: Registration,
        key_file: Path,
        hears: Hears,
        *,
        modern: bool = True,
        proxies: Proxies = NO_PROXIES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._now = now
        self._registration = registration
        self._config = registration.mqtt.broker_config
        self._topics = registration.mqtt.topics
        self._key_file = key_file
        self._hears = hears
        self._ended = False
        self._proxy = proxies.to(self._config.host, self._config.port)
        self._meter = Meter()
        self._client = self._made(
            MQTTProtocolVersion.MQTTv5 if modern else MQTTProtocolVersion.MQTTv311
        )

    def start(self) -> None:
        """Connect, and again whenever the connection is lost, until ``stop``."""
        if not self._config.verify_certificate:
            log(Component.MQTT).warning("verify_certificate_false_ignored")
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            kept.SessionExpiryInterval = SESSION_SECONDS
            self._client.connect_async(
                self._config.host,
                self._config.port,
                self._config.keep_alive,
                clean_start=False,
                properties=kept,
            )
        else:
            self._client.connect_async(
                self._config.host, self._config.port, self._config.keep_alive
            )
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and leave; returns within a second, whatever the broker does.

        A thread that waits for a host or a handshake ends by itself after that, and calls nobody.
        """
        self._ended = True
        if self._client.is_connected():
            goodbye = self._client.publish(
                self._topics["status"], b'{"online": false}', qos=1, retain=True
            )
            with suppress(RuntimeError, ValueError):  # the connection was lost at this moment
                goodbye.wait_for_publish(GOODBYE)
        self._client.disconnect()
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()
        ending.join(LAST_WORDS)
        self._hears.lost()

    def publish_state(self, body: Mapping[str, object]) -> None:
        """Send a copy of a report to subscribers; it may be lost."""
        content = json.dumps(body).encode()
        if self._client.is_connected() and len(content) <= MAX_PAYLOAD:
            self._client.publish(self._topics["state"], content, qos=1)

    def publish_copy(self, topic: str, body: Mapping[str, object]) -> None:
        """Send a copy of what goes over HTTP, at most once."""
        content = json.dumps(body).encode()
        if self._client.is_connected() and len(content) <= MAX_PAYLOAD:
            self._client.publish(self._topics[topic], content)

    def moved(self) -> tuple[int, int]:
        """Return the bytes sent and received since the last look."""
        found = self._client.socket()
        return self._meter.moved(found if isinstance(found, socket.socket) else None)

    def _made(self, protocol: MQTTProtocolVersion) -> mqtt.Client:
        v5 = protocol == MQTTProtocolVersion.MQTTv5
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._registration.uuid,
            clean_session=None if v5 else False,
            protocol=protocol,
        )
        client.through = self._proxy
        client.username_pw_set(self._registration.mqtt.username, self._registration.mqtt.password)
        client.will_set(self._topics["status"], b'{"online": false}', qos=1, retain=True)
        client.reconnect_delay_set(1, LONGEST_RECONNECT)
        if self._config.use_tls:
            access = self._registration.mqtt
            client.tls_set_context(broker_context(access, self._key_file, now=self._now))
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._lost
        client.on_message = self._received
        return client

    def _connected(self, client: mqtt.Client, *parts: Any) -> None:
        if self._ended:
            client.disconnect()
            return
        reason = parts[2]
        if reason.is_failure:
            log(Component.MQTT).warning("broker_refused", extra={"reason": str(reason)})
            if reason.value == UNSUPPORTED_VERSION:
                self._hears.too_modern()
            return
        log(Component.MQTT).info("broker_connected")
        self._meter = Meter()
        client.publish(self._topics["status"], b'{"online": true}', qos=1, retain=True)
        client.subscribe([(self._topics[name], 1) for name in _HEARD])

    def _subscribed(self, _client: mqtt.Client, *parts: Any) -> None:
        reasons = parts[2]
        if any(reason.is_failure for reason in reasons):
            log(Component.MQTT).warning("subscription_refused")
        elif not self._ended:
            self._hears.subscribed()

    def _lost(self, _client: mqtt.Client, *parts: Any) -> None:
        if self._ended:
            return
        log(Component.MQTT).info("broker_lost", extra={"reason": str(parts[2])})
        self._hears.lost()

    def _received(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        """Take any message for "ask now": what it holds comes by HTTP, where it can't be lost."""
        if self._ended:
            return
        if message.topic == self._topics["update"]:
            self._hears.update()
        elif message.topic in (self._topics["upgrade"], self._topics["jobsNotify"]):
            self._hears.ordered()


class _Client(mqtt.Client):
    """A client that reaches its broker ``through`` a proxy: paho alone knows SOCKS only."""

    through: Proxy | None = None

    def _create_socket_connection(self) -> socket.socket:
        if self.through is None:
            return super()._create_socket_connection()
        return tunnelled(self.through, self.host, self.port, self.connect_timeout)
