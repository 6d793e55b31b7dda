"""What a registered device is told about broker and API."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import canonical, encode
from iotistic_contract.provisioning import (
    ApiAccess,
    BrokerConfig,
    Credentials,
    MqttAccess,
    RegisterAnswer,
    TlsConfig,
)
from iotistic_contract.topics import device_topics

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Site"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where this tenant answers: origin of its API, broker, CA certificates (newest first)."""

    customer_id: str
    public_url: str
    mqtt_host: str
    mqtt_port: int
    ca_certificates: tuple[str, ...]
    order_public_keys: tuple[Mapping[str, Any], ...]

    @property
    def broker_config(self) -> BrokerConfig:
        """The broker, by TLS and client certificate."""
        return BrokerConfig(
            protocol="mqtts",
            host=self.mqtt_host,
            port=self.mqtt_port,
            use_tls=True,
            ca_cert=self.ca_bundle,
        )

    @property
    def ca_bundle(self) -> str:
        """All CA certificates that are to be trusted, in PEM."""
        return "".join(self.ca_certificates)

    def register_answer(
        self, uuid: str, registration: str, api_key: str, certificate: str
    ) -> RegisterAnswer:
        """Return the answer of phase 2."""
        return RegisterAnswer(
            registration=registration,
            customer_id=self.customer_id,
            mqtt=MqttAccess(
                broker_config=self.broker_config,
                username=uuid,
                client_certificate=certificate,
                topics=device_topics(uuid),
            ),
            device_api_key=api_key,
            api=ApiAccess(
                endpoint=self.public_url, tls_config=TlsConfig(ca_cert=self.ca_certificates[0])
            ),
            order_public_keys=self.order_public_keys,
            target_state_url=f"{self.public_url}/api/v1/device/{uuid}/state",
        )

    def credentials(self, registration: str) -> dict[str, Any]:
        """Return the document of GET credentials."""
        document = Credentials(
            customer_id=self.customer_id,
            registration=registration,
            ca_bundle=self.ca_bundle,
            broker_config=self.broker_config,
            order_public_keys=self.order_public_keys,
        )
        return {"vpn": None, **encode(document)}

    def credentials_etag(self, registration: str) -> str:
        """Return the quoted ETag of GET credentials."""
        digest = hashlib.sha256(self._common + registration.encode("ascii")).hexdigest()
        return f'"{digest[:32]}"'

    @cached_property
    def _common(self) -> bytes:
        """What the credentials of all registrations have in common."""
        return hashlib.sha256(canonical(self.credentials(""))).digest()
