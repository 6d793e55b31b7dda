# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""MQTT topics of one tenant's broker, and who may use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .errors import ContractError
from .ids import check_name, check_uuid

__all__ = [
    "MAX_PAYLOAD",
    "TOPICS",
    "Direction",
    "Topic",
    "acl_file",
    "device_topics",
    "topic",
    "will",
]

MAX_PAYLOAD = 262_144


class Direction(StrEnum):
    """Who publishes."""

    FROM_DEVICE = "device-to-cloud"
    TO_DEVICE = "cloud-to-device"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the topics' table; ``pattern`` has ``{uuid}`` and at most one more part open."""

    pattern: str
    direction: Direction
    qos: int = 0
    retained: bool = False


_OUT, _IN = Direction.FROM_DEVICE, Direction.TO_DEVICE

TOPICS: Mapping[str, Topic] = {
    "state": Topic("iot/device/{uuid}/state", _OUT, qos=1),
    "metrics": Topic("iot/device/{uuid}/metrics", _OUT),
    "logs": Topic("iot/device/{uuid}/logs/{service}", _OUT),
    "events": Topic("iot/device/{uuid}/events", _OUT),
    "status": Topic("iot/device/{uuid}/status", _OUT, qos=1, retained=True),
    "sensor": Topic("iot/device/{uuid}/sensor/{name}", _OUT),
    "update": Topic("agent/{uuid}/update", _IN, qos=1),
    "upgrade": Topic("agent/{uuid}/upgrade", _IN, qos=1),
    "jobsNotify": Topic("iot/device/{uuid}/jobs/notify", _IN),
    "jobStatus": Topic("iot/device/{uuid}/jobs/{id}/status", _OUT),
}


def topic(name: str, uuid: str, /, **parts: str) -> str:
    """Return the topic ``name`` of device ``uuid``; ``parts`` are service, name or id."""
    for key, part in parts.items():
        try:
            check_name(part)
        except ContractError as exc:
            raise exc.under(key) from None
    return TOPICS[name].pattern.format(uuid=check_uuid(uuid), **parts)


def device_topics(uuid: str) -> dict[str, str]:
    """Return the table a registration carries: each topic, with {service} {name} {id} left in."""
    check_uuid(uuid)
    return {name: row.pattern.replace("{uuid}", uuid) for name, row in TOPICS.items()}


def will(uuid: str) -> tuple[str, bytes]:
    """Return topic and payload of a device's last will (QoS 1, retained)."""
    return topic("status", uuid), b'{"online": false}'


def acl_file(service: str = "tenant-api") -> str:
    """Return Mosquitto's ``acl_file``: ``%u`` is the uuid, or ``service``, of the certificate.

    ``jobs/notify`` is one that a device can publish too; it only means "ask".
    """
    return (
        f"user {check_name(service)}\n"
        "topic read iot/device/#\n"
        "topic write agent/#\n"
        "topic write iot/device/+/jobs/notify\n"
        "topic readwrite $CONTROL/dynamic-security/#\n"
        "topic read $SYS/#\n"
        "\n"
        "pattern write iot/device/%u/#\n"
        "pattern read agent/%u/#\n"
        "pattern read iot/device/%u/jobs/notify\n"
    )
