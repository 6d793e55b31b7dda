# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key in files: between the planner and an authority."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ._contract.planning.certificate import (
    ActualCertificate,
    ActualFiles,
    Certificate,
    CreateKey,
    IssueCertificate,
)
from .vpn_ca import common_name, signed_by

try:
    from cryptography import x509

    from ._pki import ca
    from ._pki.files import write_atomic
    from ._pki.index import Index
    from ._pki.keys import new_key, read_private, write_private
    from ._pki.requests import make_request
    from ._pki.signer import SignerClient
except ImportError:  # modules tell it, by _requirements.require_cryptography
    ca = None

__all__ = ["Certificates", "desired_from"]


def desired_from(params: dict[str, Any]) -> Certificate:
    """Return the certificate that a task asks for."""
    return Certificate(
        profile=params["profile"],
        common_name=params["common_name"] or "server",
        certificate=params["path"],
        key=params["key_path"],
        names=tuple(params["names"]),
        addresses=tuple(params["addresses"]),
        key_type=params["key_type"],
        days=params["days"],
        renew_before_days=params["renew_before_days"],
    )


class Certificates:
    """Reads the files of one certificate; has it issued by a folder's authority or its signer."""

    def __init__(self, authority: Path, signer: str | None, passphrase: str | None) -> None:
        self._authority = authority
        self._signer = signer
        self._passphrase = passphrase.encode() if passphrase else None

    def read(self, desired: Certificate) -> ActualFiles:
        """Return what the files hold now."""
        key = Path(desired.key)
        return ActualFiles(
            now=datetime.now(timezone.utc),
            key=key.exists(),
            certificate=self._held(Path(desired.certificate), key),
        )

    def _held(self, path: Path, key: Path) -> ActualCertificate | None:
        if not path.exists():
            return None
        text = path.read_bytes()
        leaf = ca.certificates_from(text)[0]
        names = _alternative_names(leaf)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        server = x509.ExtendedKeyUsageOID.SERVER_AUTH in usage
        return ActualCertificate(
            profile="server" if server else "client",
            common_name=common_name(leaf),
            not_after=leaf.not_valid_after_utc,
            names=tuple(names.get_values_for_type(x509.DNSName)),
            addresses=tuple(map(str, names.get_values_for_type(x509.IPAddress))),
            fits_key=key.exists() and read_private(key).public_key() == leaf.public_key(),
            from_authority=self._from_authority(leaf, text),
            revoked=self._revoked(leaf),
        )

    def _from_authority(self, leaf: x509.Certificate, text: bytes) -> bool:
        path = self._authority / "ca.pem"
        if not path.exists():
            return False
        issuer = ca.certificates_from(path.read_bytes())[0]
        return signed_by(leaf, issuer) and text.endswith(self._chain())

    def _chain(self) -> bytes:
        return (self._authority / "chain.pem").read_bytes()

    def _revoked(self, leaf: x509.Certificate) -> bool:
        path = self._authority / "crl.pem"
        if not path.exists():
            return False
        revoked = x509.load_pem_x509_crl(path.read_bytes())
        return revoked.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case CreateKey(path=path, key_type=key_type):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                write_private(Path(path), new_key(key_type))
            case IssueCertificate(wanted=wanted):
                leaf = self._issued(wanted)
                Path(wanted.certificate).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(Path(wanted.certificate), leaf + self._chain())

    def _issued(self, wanted: Certificate) -> bytes:
        request = make_request(read_private(Path(wanted.key)))
        if self._signer:
            return _from_signer(SignerClient(Path(self._signer)), request, wanted)
        with ca.load(self._authority, self._passphrase) as authority:
            return ca.pem(authority.issue(request, _profile(wanted), days=wanted.days))


def _from_signer(signer: SignerClient, request: bytes, wanted: Certificate) -> bytes:
    if wanted.profile == "server":
        answer = signer.issue_server(request, wanted.names, wanted.addresses)
    else:
        answer = signer.issue_client(request, wanted.common_name)
    return answer if isinstance(answer, bytes) else answer.encode()


def _profile(wanted: Certificate) -> ca.Profile:
    if wanted.profile == "server":
        return ca.server(wanted.names, wanted.addresses, wanted.common_name)
    return (ca.client if wanted.profile == "device" else ca.service)(wanted.common_name)


def _alternative_names(leaf: x509.Certificate) -> x509.SubjectAlternativeName:
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
