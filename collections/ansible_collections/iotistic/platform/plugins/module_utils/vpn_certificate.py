# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key in files: between the planner and an authority."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ._contract.errors import ContractError
from ._contract.ids import check_uuid
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
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from ._pki import ca
    from ._pki.files import write_atomic
    from ._pki.keys import new_key, read_private, write_private
    from ._pki.requests import make_request
    from ._pki.signer_client import SignerClient
except ImportError:  # modules tell it, by _requirements.require_cryptography
    ca = None

__all__ = ["Certificates", "FolderIssuer", "SignerIssuer", "desired_from", "issuer_from"]

KEY, LEAF, CHAIN = "key.pem", "cert.pem", "chain.pem"
SERVER_NAME = "server"


def desired_from(params: dict[str, Any]) -> Certificate:
    """Return the certificate that a task asks for."""
    name = params["common_name"] or SERVER_NAME
    if params["signer"] and params["profile"] == "server" and name != SERVER_NAME:
        raise ContractError("/common_name", f"a signing process calls each server {SERVER_NAME!r}")
    return Certificate(
        profile=params["profile"],
        common_name=name,
        folder=params["path"],
        names=tuple(params["names"]),
        addresses=tuple(params["addresses"]),
        key_type=params["key_type"],
        days=params["days"],
        renew_before_days=params["renew_before_days"],
    )


def issuer_from(params: dict[str, Any]) -> FolderIssuer | SignerIssuer:
    """Return who issues the certificate: a signing process, or an authority's own folder."""
    if params["signer"]:
        return SignerIssuer(Path(params["signer"]))
    passphrase = params["passphrase"]
    return FolderIssuer(Path(params["authority"]), passphrase.encode() if passphrase else None)


class FolderIssuer:
    """An authority whose key lies in its folder."""

    def __init__(self, folder: Path, passphrase: bytes | None) -> None:
        self._folder = folder
        self._passphrase = passphrase

    def chain(self) -> bytes | None:
        """Return the authority's certificate and those above it; None before there is one."""
        path = self._folder / "chain.pem"
        return path.read_bytes() if path.exists() else None

    def crl(self) -> bytes | None:
        """Return the authority's revocation list, or None."""
        path = self._folder / "crl.pem"
        return path.read_bytes() if path.exists() else None

    def issue(self, request: bytes, wanted: Certificate) -> bytes:
        """Return the leaf for a request."""
        with ca.load(self._folder, self._passphrase) as authority:
            return ca.pem(authority.issue(request, _profile(wanted), days=wanted.days))


class SignerIssuer:
    """A signing process behind its socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._signer = SignerClient(socket)

    def chain(self) -> bytes | None:
        """Return the authority's certificate and those above it; None before it runs."""
        return self._signer.chain().encode() if self._socket.exists() else None

    def crl(self) -> bytes | None:
        """Return the newest revocation list; None before it runs."""
        return self._signer.crl().encode() if self._socket.exists() else None

    def issue(self, request: bytes, wanted: Certificate) -> bytes:
        """Return the leaf for a request."""
        text = request.decode()
        if wanted.profile == "server":
            leaf = self._signer.issue_server(text, wanted.names, wanted.addresses, wanted.days)
        elif _is_uuid(wanted.common_name):
            leaf = self._signer.issue_client(text, wanted.common_name, wanted.days)
        else:
            leaf = self._signer.issue_service(text, wanted.common_name, wanted.days)
        return leaf.encode()


class Certificates:
    """Reads the folder of one certificate, and has it issued."""

    def __init__(self, issuer: FolderIssuer | SignerIssuer, now: datetime | None = None) -> None:
        self._issuer = issuer
        self._now = now or datetime.now(UTC)

    def read(self, desired: Certificate) -> ActualFiles:
        """Return what the folder holds now."""
        folder = Path(desired.folder)
        return ActualFiles(
            now=self._now, key=(folder / KEY).exists(), certificate=self._held(folder)
        )

    def _held(self, folder: Path) -> ActualCertificate | None:
        if not (folder / LEAF).exists():
            return None
        text = (folder / LEAF).read_bytes()
        leaf = ca.certificates_from(text)[0]
        names = _alternative_names(leaf)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        server = ExtendedKeyUsageOID.SERVER_AUTH in usage
        key = folder / KEY
        return ActualCertificate(
            profile="server" if server else "client",
            common_name=common_name(leaf),
            not_after=leaf.not_valid_after_utc,
            names=tuple(names.get_values_for_type(x509.DNSName)),
            addresses=tuple(map(str, names.get_values_for_type(x509.IPAddress))),
            fits_key=key.exists() and read_private(key).public_key() == leaf.public_key(),
            from_authority=self._from_authority(leaf, folder / CHAIN),
            revoked=self._revoked(leaf),
        )

    def _from_authority(self, leaf: x509.Certificate, path: Path) -> bool:
        chain = self._issuer.chain()
        if chain is None or not path.exists():
            return False
        issuer = ca.certificates_from(chain)[0]
        return signed_by(leaf, issuer) and path.read_bytes() == ca.pem(leaf) + chain

    def _revoked(self, leaf: x509.Certificate) -> bool:
        crl = self._issuer.crl()
        if crl is None:
            return False
        revoked = x509.load_pem_x509_crl(crl)
        return revoked.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case CreateKey(folder=folder, key_type=key_type):
                Path(folder).mkdir(parents=True, exist_ok=True)
                write_private(Path(folder, KEY), new_key(key_type))
            case IssueCertificate(wanted=wanted):
                self._issue(Path(wanted.folder), wanted)

    def _issue(self, folder: Path, wanted: Certificate) -> None:
        """Write the leaf last: a run cut short leaves a folder that is issued anew."""
        leaf = self._issuer.issue(make_request(read_private(folder / KEY)), wanted)
        write_atomic(folder / CHAIN, leaf + (self._issuer.chain() or b""))
        write_atomic(folder / LEAF, leaf)


def _profile(wanted: Certificate) -> ca.Profile:
    if wanted.profile == "server":
        return ca.server(wanted.names, wanted.addresses, wanted.common_name)
    make = ca.client if _is_uuid(wanted.common_name) else ca.service
    return make(wanted.common_name)


def _is_uuid(text: str) -> bool:
    try:
        check_uuid(text)
    except ContractError:
        return False
    return True


def _alternative_names(leaf: x509.Certificate) -> x509.SubjectAlternativeName:
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
