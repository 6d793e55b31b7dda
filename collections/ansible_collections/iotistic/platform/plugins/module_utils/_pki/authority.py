# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Certificate authorities in folders: root, platform CA, one issuing CA per tenant.

A folder holds `ca.key` (0600), `ca.pem`, `chain.pem` (what servers send after their leaf),
`crl.pem`, `index.sqlite`, and for a tenant `tenant-ca.pem`: the self-signed form of the same key.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .certificates import Validity, certificates_from, leaf_certificate
from .clock_skew import CLOCK_SKEW
from .constraints import Scope
from .crl import Crl, checked_reason, number_of, signed_crl
from .errors import AuthorityMissing, NameRefused, SerialUnknown
from .files import exclusive, write_atomic
from .index import Entry, Index
from .keys import PrivateKey, PublicKey, read_private
from .profiles import LEAF_DAYS, Profile
from .requests import requested_key

__all__ = ["Authority", "Clock", "load", "new_serial", "serial_text", "utc_now"]

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the machine's time, aware, in UTC."""
    return datetime.now(UTC)


def new_serial() -> int:
    """128 random bits, never zero."""
    return secrets.randbits(128) or new_serial()


def serial_text(certificate: x509.Certificate) -> str:
    """Return the serial as 32 lower-case hex digits, as it stands in the index."""
    return f"{certificate.serial_number:032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An open CA: key, certificates and index. Close it, or use it in a `with` block.

    `anchor` is the self-signed form to trust: a root itself, `tenant-ca.pem` of a tenant; None for
    a platform CA. `chain` is what servers send after their own certificate.
    """

    folder: Path
    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None
    index: Index = field(repr=False)
    clock: Clock = utc_now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the index back."""
        self.index.close()

    @property
    def scope(self) -> Scope | None:
        """The name constraints, or None for root and platform CA."""
        return Scope.of(self.certificate)

    def issue(
        self, request: bytes | str | PublicKey, profile: Profile, *, days: int = LEAF_DAYS
    ) -> x509.Certificate:
        """Return a leaf for a request in PEM or a bare key; it is in the index by then.

        RequestRefused, KeyRefused and NameRefused say what is wrong with the wish.
        """
        key = requested_key(request) if isinstance(request, bytes | str) else request
        if self.scope is not None:
            self.scope.check(profile.names, profile.addresses)
        while True:
            leaf = leaf_certificate(
                profile, key, self._leaf_validity(profile, days), self.certificate, self.key
            )
            if self.record(leaf, profile.kind, profile.identity):
                return leaf

    def record(self, certificate: x509.Certificate, profile: str, identity: str | None) -> bool:
        """Enter a certificate that this CA signed; False when its serial is taken."""
        name = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0]
        return self.index.add(
            Entry(
                serial=serial_text(certificate),
                common_name=str(name.value),
                profile=profile,
                identity=identity,
                not_after=certificate.not_valid_after_utc,
                certificate=certificate.public_bytes(Encoding.DER),
            )
        )

    def revoke(self, serial: str, reason: str = "unspecified") -> None:
        """Revoke for good (again changes nothing), and write the new `crl.pem`.

        SerialUnknown when this CA never gave that serial.
        """
        self.mark_revoked(serial, reason)
        self.write_crl()

    def mark_revoked(self, serial: str, reason: str) -> None:
        """Revoke without signing: the next `write_crl` shows it."""
        if not self.index.revoke(serial.lower(), self.clock(), checked_reason(reason)):
            raise SerialUnknown("serial", f"this CA has issued no certificate {serial:.64}")

    def write_crl(self, copy: Path | None = None) -> Crl:
        """Sign the list with the next number; `crl.pem` (and `copy`) never go back to an older."""
        with exclusive(self.folder / "crl.lock"):
            number = self.index.next_crl_number(number_of(self.folder / "crl.pem"))
            crl = signed_crl(self.certificate, self.key, number, self.index.revoked(), self.clock())
            write_atomic(self.folder / "crl.pem", crl.pem)
            if copy is not None:
                write_atomic(copy, crl.pem)
        return crl

    def _leaf_validity(self, profile: Profile, days: int) -> Validity:
        """Servers are valid from the CA's first second: the time of a device without a clock."""
        now = self.clock().replace(microsecond=0)
        first = self.certificate.not_valid_before_utc
        last = self.certificate.not_valid_after_utc
        if not first <= now < last:
            raise AuthorityMissing("expired", f"the CA is good from {first} to {last} only")
        if not 1 <= days <= LEAF_DAYS:
            raise NameRefused("days", f"a certificate lives 1 to {LEAF_DAYS} days")
        return Validity(
            serial=new_serial(),
            not_before=first if profile.kind == "server" else max(first, now - CLOCK_SKEW),
            not_after=min(now + timedelta(days=days), last),
        )


def load(folder: Path, passphrase: bytes | None = None, clock: Clock = utc_now) -> Authority:
    """Return the CA in `folder`; AuthorityMissing or KeyRefused say what can't be read."""
    certificate = certificates_from(_read(folder / "ca.pem"))[0]
    key = read_private(folder / "ca.key", passphrase)
    if key.public_key() != certificate.public_key():
        raise AuthorityMissing("key", f"ca.key and ca.pem in {folder} don't belong together")
    tenant_form = folder / "tenant-ca.pem"
    anchor = certificate if certificate.issuer == certificate.subject else None
    if tenant_form.exists():
        anchor = certificates_from(_read(tenant_form))[0]
    return Authority(
        folder=folder,
        key=key,
        certificate=certificate,
        chain=certificates_from(_read(folder / "chain.pem")),
        anchor=anchor,
        index=Index(folder / "index.sqlite"),
        clock=clock,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuthorityMissing("certificate", f"can't read {path}: {error.strerror}") from None
