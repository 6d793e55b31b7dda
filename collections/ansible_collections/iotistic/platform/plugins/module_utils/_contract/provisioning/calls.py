# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Signed calls of a registered device, and the credentials that it asks for daily."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..codec import check_fields
from ..ids import CustomerId
from .broker import BrokerConfig
from .fields import Binary, Binary32, CertificatePem, CertificatesPem, RequestPem

__all__ = [
    "CertificatesAnswer",
    "CertificatesRequest",
    "Credentials",
    "ReleaseRequest",
    "RotateKeyRequest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKeyRequest:
    """The hash of the new secret; signed over ``rotate_key_signed_bytes``."""

    new_key_hash: Binary32
    signature: Binary
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesRequest:
    """A new request in PEM; signed over ``certificates_signed_bytes``."""

    certificate_request: RequestPem
    signature: Binary
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesAnswer:
    """The new leaf alone."""

    client_certificate: CertificatePem
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """The device gives itself up; signed over ``release_signed_bytes``."""

    signature: Binary
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a device asks for daily: a candidate that it tests, commits, or goes back from."""

    schema: Literal[1] = 1
    customer_id: CustomerId
    registration: str
    ca_bundle: CertificatesPem
    broker_config: BrokerConfig
    vpn: Mapping[str, Any] | None = None
    order_public_keys: tuple[Mapping[str, Any], ...] = ()
    order_public_keys_jws: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
