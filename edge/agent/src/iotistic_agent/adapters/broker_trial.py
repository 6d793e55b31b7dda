"""One connection to a broker, to learn whether it lets the device in."""

import ssl
import threading
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from iotistic_agent.adapters.broker import broker_context
from iotistic_agent.ambient import utc_now
from iotistic_contract.provisioning import MqttAccess

__all__ = ["Verdict", "try_broker"]

PATIENCE = 20.0
_CANDIDATE = "client-candidate.pem"


class Verdict(StrEnum):
    """What came of it: let in; turned away, or not to be trusted; nobody there."""

    GOOD = "good"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def try_broker(
    access: MqttAccess, uuid: str, key_file: Path, now: Callable[[], datetime] = utc_now
) -> Verdict:
    """Connect once as the device would, and leave; blocks for 20 s at most.

    The kept session stays. The device's own connection, if there is one, is taken over, and comes
    back by itself.
    """
    try:
        context = broker_context(access, key_file, _CANDIDATE, now) if _tls(access) else None
    except (OSError, ssl.SSLError):  # a certificate that isn't this key's, a CA that isn't one
        return Verdict.REFUSED
    finally:
        key_file.with_name(_CANDIDATE).unlink(missing_ok=True)
    heard: list[Verdict] = []
    ended = threading.Event()

    def conclude(verdict: Verdict) -> None:
        heard.append(verdict)
        ended.set()

    client = _client(access, uuid, context)
    client.on_connect = lambda *parts: conclude(
        Verdict.REFUSED if parts[3].is_failure else Verdict.GOOD
    )
    client.on_disconnect = lambda *_: conclude(Verdict.REFUSED)
    verdict = _connected(client, access)
    if verdict is not None:
        return verdict
    client.loop_start()
    try:
        ended.wait(PATIENCE)
    finally:
        client.on_disconnect = None
        client.disconnect()
        client.loop_stop()
    return heard[0] if heard else Verdict.UNREACHABLE


def _tls(access: MqttAccess) -> bool:
    return access.broker_config.use_tls


def _client(access: MqttAccess, uuid: str, context: ssl.SSLContext | None) -> mqtt.Client:
    """Return a client that speaks what every broker speaks, and doesn't come back by itself."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=uuid,
        clean_session=False,
        protocol=MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = PATIENCE
    client.username_pw_set(access.username, access.password)
    if context is not None:
        client.tls_set_context(context)
    return client


def _connected(client: Any, access: MqttAccess) -> Verdict | None:
    """Open the connection; None when it is up and the broker's word is yet to come."""
    config = access.broker_config
    try:
        client.connect(config.host, config.port, config.keep_alive)
    except ssl.SSLError:
        return Verdict.REFUSED
    except (OSError, ValueError):
        return Verdict.UNREACHABLE
    return None
