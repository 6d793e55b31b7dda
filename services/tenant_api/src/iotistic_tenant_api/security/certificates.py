"""Device certificates from the tenant's signing process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from iotistic_tenant_api.storage.registrations import Certificate

if TYPE_CHECKING:
    from iotistic_pki.signer_client import SignerClient

__all__ = ["DeviceCertificates", "Issued"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A leaf in PEM, and what is to be remembered of it."""

    pem: str
    record: Certificate


class DeviceCertificates:
    """Asks the sole holder of the CA's key; SignerUnavailable when it is away."""

    def __init__(self, signer: SignerClient) -> None:
        self._signer = signer

    async def issue(self, request: str, uuid: str, registration: str) -> Issued:
        """Return a client certificate for `uuid`, whatever the request's subject says."""
        pem = await asyncio.to_thread(self._signer.issue_client, request, uuid)
        leaf = x509.load_pem_x509_certificate(pem.encode("ascii"))
        record = Certificate(
            serial=f"{leaf.serial_number:032x}",
            device_uuid=uuid,
            registration=registration,
            not_after=leaf.not_valid_after_utc,
        )
        return Issued(pem=pem, record=record)

    async def revoke(self, serial: str, reason: str) -> str:
        """Revoke a serial for good, and return the new CRL in PEM."""
        return await asyncio.to_thread(self._signer.revoke, serial, reason)
