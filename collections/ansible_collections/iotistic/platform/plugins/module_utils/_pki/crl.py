# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Revocation lists: signed whole, numbered, replaced in one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .certificates import digest_for
from .clock_skew import CLOCK_SKEW
from .errors import PkiFault
from .index import Revoked
from .keys import PrivateKey

__all__ = ["CRL_LIFE", "CRL_RENEWAL", "REASONS", "Crl", "signed_crl"]

CRL_LIFE = timedelta(days=7)
CRL_RENEWAL = timedelta(days=3)
REASONS = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key_compromise": x509.ReasonFlags.key_compromise,
    "affiliation_changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation_of_operation": x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crl:
    """A signed list in PEM; sign the next one as soon as it is `due`."""

    number: int
    this_update: datetime
    next_update: datetime
    pem: bytes

    def due(self, now: datetime) -> bool:
        """Tell whether three of its seven days are over, or the clock was set back before it."""
        return not self.this_update <= now < self.this_update + CRL_RENEWAL


def checked_reason(reason: str) -> str:
    """Return `reason` when RFC 5280 knows it, else raise PkiFault naming those it may be."""
    if reason not in REASONS:
        raise PkiFault("reason", f"no such reason: {reason!r}; one of {', '.join(REASONS)}")
    return reason


def number_of(path: Path) -> int:
    """Return the number of the list in a file; 0 where there is none that can be read."""
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (OSError, ValueError, x509.ExtensionNotFound):
        return 0


def signed_crl(
    issuer: x509.Certificate,
    key: PrivateKey,
    number: int,
    revoked: Sequence[Revoked],
    now: datetime,
) -> Crl:
    """Return the list of everything that was ever revoked, good for seven days.

    They begin five minutes before `now`, so that a clock that is a little behind takes it.
    """
    moment = now.replace(microsecond=0) - CLOCK_SKEW
    builder = (
        x509.CertificateRevocationListBuilder(revoked_certificates=list(map(_line, revoked)))
        .issuer_name(issuer.subject)
        .last_update(moment)
        .next_update(moment + CRL_LIFE)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    signed = builder.sign(key, digest_for(key))
    return Crl(
        number=number,
        this_update=moment,
        next_update=moment + CRL_LIFE,
        pem=signed.public_bytes(Encoding.PEM),
    )


@lru_cache(maxsize=65536)
def _line(revoked: Revoked) -> x509.RevokedCertificate:
    """Return one entry, encoded once; `unspecified` is left out, as RFC 5280 section 5.3.1 asks."""
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(revoked.serial, 16))
        .revocation_date(revoked.at)
    )
    if revoked.reason != "unspecified":
        builder = builder.add_extension(x509.CRLReason(REASONS[revoked.reason]), critical=False)
    return builder.build()
