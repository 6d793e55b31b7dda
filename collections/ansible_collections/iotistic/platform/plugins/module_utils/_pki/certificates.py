# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Certificates as bytes: extensions by RFC 5280, nothing stored here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .constraints import Scope
from .errors import AuthorityMissing
from .keys import PrivateKey, PublicKey
from .profiles import Profile

__all__ = [
    "CaForm",
    "Validity",
    "authority_certificate",
    "certificates_from",
    "digest_for",
    "distinguished_name",
    "leaf_certificate",
    "pem",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """First and last second, and the serial that was drawn."""

    serial: int
    not_before: datetime
    not_after: datetime


def distinguished_name(common_name: str, organization: str | None = None) -> x509.Name:
    """O (when given) and CN, in UTF-8."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaForm:
    """What stands in a CA certificate beside key and validity."""

    subject: x509.Name
    path_length: int
    scope: Scope | None = None


def authority_certificate(
    form: CaForm,
    key: PublicKey,
    validity: Validity,
    issuer: x509.Name,
    issuer_key: PrivateKey,
) -> x509.Certificate:
    """Return a CA certificate: signs certificates and CRLs only; path length, scope critical."""
    builder = _begin(form.subject, key, validity, issuer, issuer_key)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=form.path_length), critical=True
    ).add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    if form.scope is not None:
        builder = builder.add_extension(form.scope.extension(), critical=True)
    return builder.sign(issuer_key, digest_for(issuer_key))


def leaf_certificate(
    profile: Profile,
    key: PublicKey,
    validity: Validity,
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
) -> x509.Certificate:
    """Return a server or client certificate as `profile` says, without CRL distribution points."""
    scope = Scope.of(issuer)
    names = profile.alternative_names(scope.uri_domain if scope else "platform.iotistic.internal")
    builder = _begin(
        distinguished_name(profile.common_name), key, validity, issuer.subject, issuer_key
    )
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([profile.usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(issuer_key, digest_for(issuer_key))


def digest_for(key: PrivateKey | PublicKey) -> hashes.SHA256 | None:
    """Return the digest to sign with: none of its own for Ed25519."""
    return None if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else hashes.SHA256()


def pem(certificates: x509.Certificate | Sequence[x509.Certificate]) -> bytes:
    """One certificate or several, in PEM, in that order."""
    listed = [certificates] if isinstance(certificates, x509.Certificate) else certificates
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in listed)


def certificates_from(text: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates in `text`; AuthorityMissing when there is none or one is broken."""
    try:
        return tuple(x509.load_pem_x509_certificates(text))
    except ValueError:
        raise AuthorityMissing("certificate", "not a readable certificate in PEM") from None


def _begin(
    subject: x509.Name,
    key: PublicKey,
    validity: Validity,
    issuer: x509.Name,
    issuer_key: PrivateKey,
) -> x509.CertificateBuilder:
    """Names, times, serial and both key identifiers; the authority's names no serial of its own.

    (A tenant CA exists in two forms with different serials: leaves must fit under both.)
    """
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(validity.serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _usage(*names: str) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in names for name in known})
