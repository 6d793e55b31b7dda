"""What a device got when it registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iotistic_contract.codec import encode
from iotistic_contract.provisioning import MqttAccess, RegisterAnswer

__all__ = ["FIRST_TLS_KEY", "Registration", "registration_from"]

FIRST_TLS_KEY = "tls.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Identity, keys and addresses; ``ca_cert`` is the PEM that all calls are verified against.

    ``key_id`` names the provisioning key that it came by, ``tls_key`` the file of the key that the
    broker's certificate is for. ``credentials_etag`` is that of the credentials taken last.
    """

    uuid: str
    registration: str
    customer_id: str
    api_key: str = field(repr=False)
    endpoint: str
    ca_cert: str | None
    target_state_url: str
    mqtt: MqttAccess
    order_public_keys: tuple[Mapping[str, Any], ...]
    key_id: str
    tls_key: str = FIRST_TLS_KEY
    order_keys_seq: int = 0
    vpn: Mapping[str, Any] | None = field(default=None, repr=False)
    credentials_etag: str | None = None


def registration_from(
    answer: RegisterAnswer, uuid: str, ca_cert: str | None, key_id: str, tls_key: str
) -> Registration:
    """Return what of the answer is kept."""
    return Registration(
        uuid=uuid,
        registration=answer.registration,
        customer_id=answer.customer_id,
        api_key=answer.device_api_key,
        endpoint=answer.api.endpoint,
        ca_cert=ca_cert,
        target_state_url=answer.target_state_url,
        mqtt=answer.mqtt,
        order_public_keys=tuple(encode(key) for key in answer.order_public_keys),
        key_id=key_id,
        tls_key=tls_key,
        vpn=answer.vpn,
    )
