# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Where a registered device finds broker and API, and how it verifies them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..codec import check_fields
from ..errors import ContractError
from ..ids import Count, Uuid
from .fields import CertificatePem, CertificatesPem, Port

__all__ = ["TOPIC_NAMES", "ApiAccess", "BrokerConfig", "MqttAccess", "TlsConfig", "origin"]

_PORTS = {"http": 80, "https": 443}

# What a registration of schema 1 always carries; later topics are no reason to refuse one.
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
    ca_cert: CertificatesPem | None = None
    client_cert: CertificatePem | None = None
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
    client_certificate: CertificatePem | None = None
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

    ca_cert: CertificatePem
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
        if origin(self.endpoint) is None:
            raise ContractError("endpoint", "not an absolute http or https URL")


def origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an absolute http or https URL, None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
