"""What a registered device says with the signature of its device key, as bodies of requests."""

from typing import Any

from iotistic_agent.registration import Registration
from iotistic_contract.codec import b64u_encode, encode
from iotistic_contract.provisioning import (
    ApiKey,
    CertificatesRequest,
    ReleaseRequest,
    RotateKeyRequest,
    certificates_signed_bytes,
    release_signed_bytes,
    rotate_key_signed_bytes,
)
from iotistic_pki.keys import PrivateKey
from iotistic_pki.provisioning import sign
from iotistic_pki.requests import make_request, request_der

__all__ = ["certificates_body", "device_path", "release_body", "rotate_key_body"]


def device_path(registration: Registration, last: str) -> str:
    """Return the path of a call about this device."""
    return f"/api/v1/device/{registration.uuid}/{last}"


def rotate_key_body(registration: Registration, pending: str, device_key: PrivateKey) -> Any:
    """Return what announces the API key ``pending``: its secret's hash."""
    digest = ApiKey.parse(pending, "dk1").hash
    message = rotate_key_signed_bytes(registration.uuid, registration.registration, digest)
    signature = b64u_encode(sign(device_key, message))
    return encode(RotateKeyRequest(new_key_hash=b64u_encode(digest), signature=signature))


def certificates_body(registration: Registration, tls: PrivateKey, device_key: PrivateKey) -> Any:
    """Return what asks for a certificate for the key ``tls``."""
    request = make_request(tls).decode("ascii")
    message = certificates_signed_bytes(
        registration.uuid, registration.registration, request_der(request)
    )
    signature = b64u_encode(sign(device_key, message))
    return encode(CertificatesRequest(certificate_request=request, signature=signature))


def release_body(registration: Registration, device_key: PrivateKey) -> Any:
    """Return what gives the registration up."""
    message = release_signed_bytes(registration.uuid, registration.registration)
    return encode(ReleaseRequest(signature=b64u_encode(sign(device_key, message))))
