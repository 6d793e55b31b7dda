# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Provisioning in two phases: the string, the messages, and the exact bytes under signatures."""

from .broker import TOPIC_NAMES, ApiAccess, BrokerConfig, MqttAccess, TlsConfig
from .calls import (
    CertificatesAnswer,
    CertificatesRequest,
    Credentials,
    ReleaseRequest,
    RotateKeyRequest,
)
from .fields import CHALLENGE_CHARACTERS
from .messages import (
    EncryptedPayload,
    KeyExchangeAnswer,
    KeyExchangeRequest,
    RegisterAnswer,
    RegisterRequest,
    RegistrationPayload,
    missing_proof,
)
from .signed import (
    SEALED_SECRET_INFO,
    certificates_signed_bytes,
    provision_signed_bytes,
    release_signed_bytes,
    rotate_key_signed_bytes,
    sealed_secret_aad,
    sealed_secret_salt,
)
from .string import ApiKey, ProvisioningString, secret_hash

__all__ = [
    "CHALLENGE_CHARACTERS",
    "SEALED_SECRET_INFO",
    "TOPIC_NAMES",
    "ApiAccess",
    "ApiKey",
    "BrokerConfig",
    "CertificatesAnswer",
    "CertificatesRequest",
    "Credentials",
    "EncryptedPayload",
    "KeyExchangeAnswer",
    "KeyExchangeRequest",
    "MqttAccess",
    "ProvisioningString",
    "RegisterAnswer",
    "RegisterRequest",
    "RegistrationPayload",
    "ReleaseRequest",
    "RotateKeyRequest",
    "TlsConfig",
    "certificates_signed_bytes",
    "missing_proof",
    "provision_signed_bytes",
    "release_signed_bytes",
    "rotate_key_signed_bytes",
    "sealed_secret_aad",
    "sealed_secret_salt",
    "secret_hash",
]
