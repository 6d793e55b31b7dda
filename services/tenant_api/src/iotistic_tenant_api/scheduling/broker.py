"""The tenant's broker, as the client `tenant-api` that its certificate names."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import structlog
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Broker", "BrokerAway"]

CLIENT_ID = "tenant-api"
CONTROL = "$CONTROL/dynamic-security/v1"
_TIMEOUT = 5.0
_log = structlog.get_logger("iotistic_tenant_api.broker")


class BrokerAway(Exception):  # noqa: N818 - a condition, not a fault
    """The broker isn't connected, or didn't answer in time."""


class Broker:
    """Publishes with the broker's acknowledgement; reconnects by itself."""

    def __init__(self, host: str, port: int, ca: Path, certificate: Path, key: Path) -> None:
        self._place = (host, port)
        self._files = (str(ca), str(certificate), str(key))
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._kicking = asyncio.Lock()

    def start(self) -> None:
        """Begin to connect, and keep at it."""
        self._loop = asyncio.get_running_loop()
        client = Client(CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, protocol=MQTTv5)
        client.tls_set(*self._files)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_message = self._answered
        client.connect_async(*self._place, keepalive=30)
        client.loop_start()
        self._client = client

    def stop(self) -> None:
        """Say good-bye."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has taken the message (QoS 1, not retained)."""
        client = self._client
        if client is None or not client.is_connected():
            raise BrokerAway
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = client.publish(topic, payload, qos=1)
        self._waiting[sent.mid] = taken
        if sent.is_published():
            return
        try:
            async with asyncio.timeout(_TIMEOUT):
                await taken
        except TimeoutError:
            raise BrokerAway from None
        finally:
            self._waiting.pop(sent.mid, None)

    async def kick(self, names: Sequence[str]) -> None:
        """Cut the sessions of these users; their certificates must be revoked before.

        A user must be known to the broker's plugin to be cut, hence the three commands.
        """
        commands: list[dict[str, Any]] = []
        for name in names:
            password = secrets.token_urlsafe(24)
            commands += [
                {"command": "createClient", "username": name, "password": password},
                {"command": "disableClient", "username": name},
                {"command": "deleteClient", "username": name},
            ]
        async with self._kicking:
            while not self._answers.empty():
                self._answers.get_nowait()
            await self.publish(CONTROL, json.dumps({"commands": commands}).encode())
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._answers.get()
            except TimeoutError:
                raise BrokerAway from None

    def _connected(self, client: Client, *_rest: object) -> None:
        client.subscribe(f"{CONTROL}/response", qos=1)
        _log.info("broker_connected")

    def _disconnected(self, *_rest: object) -> None:
        _log.info("broker_disconnected")

    def _acknowledged(self, _client: Client, _userdata: object, mid: int, *_rest: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._take, mid)

    def _answered(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._answers.put_nowait, bytes(message.payload))

    def _take(self, mid: int) -> None:
        taken = self._waiting.get(mid)
        if taken is not None and not taken.done():
            taken.set_result(None)
