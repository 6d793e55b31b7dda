# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Certificate requests: only the key counts, and the proof that the sender holds it."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from .errors import KeyRefused, RequestRefused
from .keys import PrivateKey, PublicKey, checked_public

__all__ = ["make_request", "request_der", "requested_key"]


def make_request(key: PrivateKey) -> bytes:
    """Return a PKCS#10 request in PEM with an empty subject: the CA decides about names."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    digest = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def requested_key(pem: bytes | str) -> PublicKey:
    """Return the request's key, its own signature checked; subject and extensions are ignored.

    RequestRefused when it can't be read or isn't signed by its key, KeyRefused for another kind.
    """
    request = _parsed(pem)
    key = checked_public(_key_of(request))
    try:
        valid = request.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        valid = False
    if not valid:
        raise RequestRefused("certificate_request", "the request isn't signed by its own key")
    return key


def request_der(pem: bytes | str) -> bytes:
    """Return the request in DER, as `certificates` signs it."""
    return _parsed(pem).public_bytes(Encoding.DER)


def _parsed(pem: bytes | str) -> x509.CertificateSigningRequest:
    try:
        octets = pem.encode("utf-8") if isinstance(pem, str) else pem
        return x509.load_pem_x509_csr(octets)
    except ValueError:
        raise RequestRefused("certificate_request", "not a readable request in PEM") from None


def _key_of(request: x509.CertificateSigningRequest) -> object:
    try:
        return request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("key_type", "the request's key is of an unknown kind") from None
