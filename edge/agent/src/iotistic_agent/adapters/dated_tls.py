"""TLS to servers of a few anchors, at a time that is given: the machine's clock may be wrong."""

import ssl
from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

__all__ = ["DatedContext"]

# X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for
_NO_CHECK_TIME = 0x200000
_FAILED = 1


class _DatedSocket(ssl.SSLSocket):
    """Looks at the dates as soon as everything else is verified, before anything is said."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 -- ssl's own
        """Shake hands; SSLCertVerificationError when a certificate isn't valid at the time."""
        super().do_handshake(block)
        context = self.context
        if isinstance(context, DatedContext):
            context.check_dates(self.getpeercert(binary_form=True))


class DatedContext(ssl.SSLContext):
    """Verifies chain, name and purpose as ever, and the dates at ``now()``.

    Servers have a certificate that one of the anchors has signed itself. When ``now()`` is before
    all anchors, the first anchor's beginning is the time.
    """

    sslsocket_class = _DatedSocket

    def __new__(cls, *_: object) -> "DatedContext":
        """Make a client's context."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, anchors_pem: str, now: Callable[[], datetime]) -> None:
        """Trust ``anchors_pem`` alone; ssl.SSLError when it holds no certificates."""
        self.load_verify_locations(cadata=anchors_pem)
        self.verify_flags |= ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
        self._now = now
        self._anchors = tuple(x509.load_pem_x509_certificates(anchors_pem.encode()))

    def check_dates(self, leaf_der: bytes | None) -> None:
        """Raise SSLCertVerificationError unless leaf and anchor are valid now."""
        leaf = x509.load_der_x509_certificate(leaf_der or b"")
        first = min(each.not_valid_before_utc for each in self._anchors)
        at = max(self._now(), first)
        signers = [each for each in self._anchors if _has_signed(each, leaf)]
        if not signers:
            raise _not_verified("no anchor has signed the certificate itself")
        if not any(_is_valid(signer, at) for signer in signers):
            raise _not_verified(f"the anchor isn't valid at {at:%Y-%m-%dT%H:%M:%SZ}")
        if not _is_valid(leaf, at):
            until = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
            raise _not_verified(f"the certificate is of {until}, and it is {at:%Y-%m-%dT%H:%M:%SZ}")


def _has_signed(anchor: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(anchor)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _not_verified(why: str) -> ssl.SSLCertVerificationError:
    return ssl.SSLCertVerificationError(_FAILED, f"CERTIFICATE_VERIFY_FAILED: {why}")
