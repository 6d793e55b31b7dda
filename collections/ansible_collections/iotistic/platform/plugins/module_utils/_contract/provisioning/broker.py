"""Where a registered device finds broker and API, and how it verifies them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..codec import check_fields
from ..errors import ContractError
from ..ids import Count, Uuid
from .fields import Pem, Port

__all__ = ["TOPIC_NAMES", "ApiAccess", "BrokerConfig", "MqttAccess", "TlsConfig"]

TOPIC_NAMES = (
    "state",
    "metrics",
    "logs",
    "events",
    "status",
    "sensor",
    "update",
    "upgrade",
    "jobsNotify",
    "jobStatus",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """The broker; ``keep_alive`` in seconds, ``reconnect_period`` in milliseconds."""

    protocol: str
    host: str
    port: Port
    use_tls: bool
    ca_cert: Pem | None = None
    client_cert: Pem | None = None
    verify_certificate: bool = True
    keep_alive: Count = 60
    client_id_prefix: str = ""
    clean_session: bool = False
    reconnect_period: Count = 5000
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.use_tls != (self.protocol == "mqtts"):
            raise ContractError("protocol", "mqtts if and only if useTls")
        if self.use_tls and self.ca_cert is None:
            raise ContractError("caCert", "TLS wants the CA to verify against")


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttAccess:
    """Broker, user name (the uuid), topics by name, and either a certificate or a password."""

    broker_config: BrokerConfig
    username: Uuid
    client_certificate: Pem | None = None
    password: str | None = field(default=None, repr=False)
    topics: Mapping[str, str]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.client_certificate is None) == (self.password is None):
            raise ContractError("clientCertificate", "a certificate or a password, not both")
        missing = [name for name in TOPIC_NAMES if name not in self.topics]
        if missing:
            raise ContractError("topics", f"without {', '.join(missing)}")
        config = self.broker_config
        if self.client_certificate and config.client_id_prefix:
            raise ContractError("brokerConfig/clientIdPrefix", "empty with a certificate")
        if self.client_certificate and config.clean_session:
            raise ContractError("brokerConfig/cleanSession", "false with a certificate")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """The CA certificate that carries the pinned key."""

    ca_cert: Pem
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """The device API's origin, and what to verify it against when there was a pin."""

    endpoint: str
    tls_config: TlsConfig | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ContractError("endpoint", "an absolute http or https URL")
