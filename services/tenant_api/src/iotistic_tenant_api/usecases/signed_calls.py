"""Signed calls of a registered device: a new API secret, a new certificate, the release."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_contract.codec import b64u_decode
from iotistic_contract.provisioning import (
    certificates_signed_bytes,
    release_signed_bytes,
    rotate_key_signed_bytes,
)
from iotistic_pki.provisioning import stored_device_key, verifies
from iotistic_pki.requests import request_der, requested_key
from iotistic_tenant_api.domain.device_keys import DeviceKey, Rotation, rotation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import DEVICE_CHANGED, announce
from iotistic_tenant_api.storage.registrations import PostgresRegistrations

if TYPE_CHECKING:
    from iotistic_contract.provisioning import (
        CertificatesRequest,
        ReleaseRequest,
        RotateKeyRequest,
    )
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.security.certificates import DeviceCertificates

__all__ = ["ReleaseDevice", "RenewCertificate", "RotateKey"]

RELEASE_REPEATS = timedelta(minutes=10)


class RotateKey:
    """Take the hash of a device's next secret; repeatable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, key: DeviceKey, request: RotateKeyRequest) -> None:
        """Store the hash as pending; 409 `key_hash_used` for one that was ever replaced."""
        new_hash = b64u_decode(request.new_key_hash, 32)
        message = rotate_key_signed_bytes(key.device_uuid, key.registration, new_hash)
        _check_signature(key.public_key, request.signature, message)
        async with self._database.transaction() as connection:
            registrations = PostgresRegistrations(connection)
            current = await _alive(registrations, key)
            decided = rotation(current, new_hash)
            if decided is Rotation.REFUSED:
                raise Refused(409, "key_hash_used", "this secret was used before; make another")
            if decided is Rotation.PENDING:
                await registrations.propose(current, new_hash, self._clock.now())
                await announce(connection, DEVICE_CHANGED, [key.device_uuid])


class RenewCertificate:
    """Give a device a new certificate for a new request."""

    def __init__(self, database: Database, certificates: DeviceCertificates, clock: Clock) -> None:
        self._database = database
        self._certificates = certificates
        self._clock = clock

    async def __call__(self, key: DeviceKey, request: CertificatesRequest) -> str:
        """Return the new leaf in PEM; the older one lives until its end.

        401 when the registration ended while the request came. An end that comes now waits, and
        finds the new certificate among those it revokes.
        """
        requested_key(request.certificate_request)
        der = request_der(request.certificate_request)
        message = certificates_signed_bytes(key.device_uuid, key.registration, der)
        _check_signature(key.public_key, request.signature, message)
        async with self._database.transaction() as connection:
            registrations = PostgresRegistrations(connection)
            await _alive(registrations, key)
            issued = await self._certificates.issue(
                request.certificate_request, key.device_uuid, key.registration
            )
            await registrations.add_certificate(issued.record, self._clock.now())
        return issued.pem


class ReleaseDevice:
    """Clear the key on record, so that the device can be registered anew by anybody's key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, uuid: str, request: ReleaseRequest) -> None:
        """End all that the device has; a repeat within 10 minutes changes nothing."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            registrations = PostgresRegistrations(connection)
            await registrations.lock(uuid)
            signing = await registrations.newest_signing_key(uuid)
            if signing is None:
                raise Refused(401, "unauthorized", "no such registered device")
            message = release_signed_bytes(uuid, signing.registration)
            _check_signature(signing.public_key, request.signature, message)
            if signing.released_at is not None:
                if now - signing.released_at >= RELEASE_REPEATS:
                    raise Refused(401, "unauthorized", "this device was released before")
                return
            await registrations.release(uuid, now)
            await PostgresAudit(connection).record(
                "device_released", uuid, actor=f"device:{uuid}", at=now
            )
            await announce(connection, DEVICE_CHANGED, [uuid])


async def _alive(registrations: PostgresRegistrations, key: DeviceKey) -> DeviceKey:
    """Return the key as it is now, its device locked: it was read before the body came."""
    current = await registrations.key(key.id, lock=True)
    if current is None:
        raise Refused(401, "unauthorized", "the device API key is not valid")
    return current


def _check_signature(public_key: bytes, signature: str, message: bytes) -> None:
    if not verifies(stored_device_key(public_key), b64u_decode(signature), message):
        raise Refused(401, "invalid_signature", "the signature is wrong")
