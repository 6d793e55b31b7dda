# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities in folders: between the planner and the PKI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._contract.planning.certificate_authority import ActualAuthority, Authority, CreateAuthority

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    from ._pki import ca
    from ._pki.constraints import Scope
    from ._pki.keys import spki_sha256
except ImportError:  # modules tell it, by _requirements.require_cryptography
    ca = None

__all__ = ["Authorities", "authority_facts", "common_name", "desired_from", "signed_by"]


def desired_from(params: dict[str, Any]) -> Authority:
    """Return the authority that a task asks for."""
    return Authority(
        kind=params["kind"],
        folder=params["path"],
        name=params["name"],
        issuer=params["issuer"],
        customer_id=params["customer_id"],
        base_domain=params["base_domain"],
        addresses=tuple(params["addresses"]),
    )


class Authorities:
    """Reads a folder and makes an authority in it."""

    def __init__(self, passphrase: str | None, issuer_passphrase: str | None) -> None:
        self._passphrase = passphrase.encode() if passphrase else None
        self._issuer_passphrase = issuer_passphrase.encode() if issuer_passphrase else None

    def read(self, desired: Authority) -> ActualAuthority | None:
        """Return the authority in the folder, or None where there is none."""
        certificate = _certificate(Path(desired.folder))
        if certificate is None:
            return None
        scope = Scope.of(certificate)
        issuer = _certificate(Path(desired.issuer)) if desired.issuer else None
        return ActualAuthority(
            name=common_name(certificate),
            domains=scope.domains if scope else (),
            addresses=scope.addresses if scope else (),
            signed_by_issuer=signed_by(certificate, issuer) if issuer else None,
        )

    def apply(self, step: CreateAuthority) -> None:
        """Make the authority."""
        wanted = step.wanted
        folder = Path(wanted.folder)
        if wanted.kind == "root":
            ca.create_root(folder, wanted.name, passphrase=self._passphrase).close()
            return
        with ca.load(Path(wanted.issuer), self._issuer_passphrase) as issuer:
            if wanted.kind == "platform":
                made = ca.create_platform(folder, issuer, wanted.name)
            else:
                made = ca.create_tenant(
                    folder,
                    issuer,
                    ca.Tenant(
                        customer_id=wanted.customer_id,
                        base_domain=wanted.base_domain,
                        addresses=wanted.addresses,
                    ),
                )
            made.close()


def authority_facts(folder: Path) -> dict[str, Any] | None:
    """Return what a module tells of the authority in a folder, or None where there is none."""
    certificate = _certificate(folder)
    if certificate is None:
        return None
    anchor = folder / "tenant-ca.pem"
    return {
        "name": common_name(certificate),
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "pin": spki_sha256(certificate.public_key()),
        "certificate": str(folder / "ca.pem"),
        "chain": str(folder / "chain.pem"),
        "anchor": str(anchor if anchor.exists() else folder / "ca.pem"),
        "crl": str(folder / "crl.pem"),
    }


def _certificate(folder: Path) -> x509.Certificate | None:
    path = folder / "ca.pem"
    return ca.certificates_from(path.read_bytes())[0] if path.exists() else None


def common_name(certificate: x509.Certificate) -> str:
    """Return the CN of a certificate's subject."""
    attributes = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(attributes[0].value) if attributes else ""


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the issuer's key signed a certificate, under the issuer's name."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
