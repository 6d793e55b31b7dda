"""Register a device: proof, provisioning key, decision, certificate, in this order."""

from __future__ import annotations

import hashlib
import secrets
import uuid as uuids
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_contract.codec import b64u_decode, b64u_encode
from iotistic_contract.provisioning import ApiKey, RegistrationPayload
from iotistic_pki.provisioning import Proof, check_proof, open_payload
from iotistic_pki.requests import requested_key
from iotistic_tenant_api.domain.attempts import check_failures, check_work
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.events import Event
from iotistic_tenant_api.domain.registration import (
    Admission,
    ProvisioningKey,
    admit,
    check_plan,
    secret_matches,
)
from iotistic_tenant_api.storage.connection import DEVICE_CHANGED, announce
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.provisioning import (
    PostgresProvisioningAttempts,
    PostgresProvisioningKeys,
)
from iotistic_tenant_api.storage.registrations import NewRegistration, PostgresRegistrations

if TYPE_CHECKING:
    from iotistic_contract.provisioning import RegisterAnswer, RegisterRequest
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.site import Site
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.security.certificates import DeviceCertificates
    from iotistic_tenant_api.security.provisioning import ProvisioningKeyFolder
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["RegisterDevice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Applicant:
    """Who registers: everything here is proven."""

    payload: RegistrationPayload
    public_key: bytes
    key: ProvisioningKey

    @property
    def uuid(self) -> str:
        return self.payload.device_uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevice:
    """Phase 2 of provisioning; refusals are Problems with the words of the wire."""

    database: Database
    keys: ProvisioningKeyFolder
    certificates: DeviceCertificates
    licensing: Licensing
    site: Site
    clock: Clock

    async def __call__(self, request: RegisterRequest, address: str) -> RegisterAnswer:
        """Return the answer for a device at `address`."""
        now = self.clock.now()
        proof = check_proof(request, self.keys.keys(now), now)
        await self._use_challenge(request.challenge)
        await self._count_work(address)
        applicant = await self._checked(proof, address)
        return await self._registered(applicant)

    async def _use_challenge(self, challenge: str) -> None:
        """Use the challenge up: its signature was right, whatever comes after."""
        async with self.database.transaction() as connection:
            digest = hashlib.sha256(challenge.encode("ascii")).digest()
            attempts = PostgresProvisioningAttempts(connection)
            if not await attempts.use_challenge(digest, self.clock.now()):
                raise Refused(410, "challenge_used", "this challenge was used: begin at phase 1")

    async def _count_work(self, address: str) -> None:
        async with self.database.transaction() as connection:
            now = self.clock.now()
            count = await PostgresProvisioningAttempts(connection).count_work(address, now)
        check_work(count, now)

    async def _checked(self, proof: Proof, address: str) -> _Applicant:
        """Open the payload, and compare the provisioning key before anything is said about it."""
        payload = open_payload(proof)
        shown = ApiKey.parse(payload.provisioning_api_key, "iotp1")
        async with self.database.connection() as connection:
            key = await PostgresProvisioningKeys(connection).get(shown.id)
        if not secret_matches(key, shown.secret) or key is None:
            await self._count_failure(shown.id, address)
            raise Refused(401, "invalid_provisioning_key", "the provisioning key is not valid")
        requested_key(payload.certificate_request)
        return _Applicant(payload=payload, public_key=proof.challenge.device_public_key, key=key)

    async def _count_failure(self, key_id: str, address: str) -> None:
        now = self.clock.now()
        async with self.database.transaction() as connection:
            attempts = PostgresProvisioningAttempts(connection)
            check_failures(await attempts.failures(key_id, address, now), now)
            await attempts.record_failure(key_id, address, now)

    async def _registered(self, applicant: _Applicant) -> RegisterAnswer:
        secret = b64u_encode(secrets.token_bytes(32))
        api_key = ApiKey(prefix="dk1", id=b64u_encode(secrets.token_bytes(12)), secret=secret)
        registration = str(uuids.uuid4())
        limit = await self.licensing.max_devices()
        async with self.database.transaction() as connection:
            admission = await self._admitted(connection, applicant, limit)
            certificate = await self.certificates.issue(
                applicant.payload.certificate_request, applicant.uuid, registration
            )
            new = self._new_registration(applicant, admission, registration, api_key)
            registrations = PostgresRegistrations(connection)
            await registrations.add(new)
            await registrations.add_certificate(certificate.record, new.at)
            event = Event(
                type="registered",
                uuid=applicant.uuid,
                actor=f"key:{applicant.key.id}",
                data={"registration": registration},
            )
            await PostgresEvents(connection).record([event], new.at)
            await announce(connection, DEVICE_CHANGED, [applicant.uuid])
        return self.site.register_answer(
            applicant.uuid, registration, str(api_key), certificate.pem
        )

    async def _admitted(
        self, connection: Connection, applicant: _Applicant, limit: int | None
    ) -> Admission:
        """Decide under the locks of device and plan; places of the key are taken here."""
        now = self.clock.now()
        devices, keys = PostgresDevices(connection), PostgresProvisioningKeys(connection)
        device = await devices.lock(applicant.uuid)
        key = await keys.get(applicant.key.id) or applicant.key
        admission = admit(applicant.uuid, applicant.public_key, device=device, key=key, now=now)
        if admission.counts:
            await devices.lock_plan()
            check_plan(limit, await devices.count_registered())
        if admission.takes_place:
            await keys.take_place(key, applicant.uuid, applicant.public_key, now)
        return admission

    def _new_registration(
        self,
        applicant: _Applicant,
        admission: Admission,
        registration: str,
        api_key: ApiKey,
    ) -> NewRegistration:
        payload = applicant.payload
        return NewRegistration(
            id=registration,
            device_uuid=applicant.uuid,
            public_key=applicant.public_key,
            sealing_key=b64u_decode(payload.device_sealing_key, 32),
            key_id=api_key.id,
            key_hash=api_key.hash,
            name=_shown(payload.device_name) or applicant.uuid,
            fleet=admission.fleet,
            facts={
                "device_type": _shown(payload.device_type),
                "mac_address": payload.mac_address,
                "os_version": _shown(payload.os_version),
                "agent_version": _shown(payload.agent_version),
            },
            at=self.clock.now(),
        )


def _shown(text: str | None) -> str | None:
    """Return what a device says of itself, fit to be shown: printable, at most 128 characters."""
    kept = "".join(character for character in text or "" if character.isprintable())
    return kept.strip()[:128] or None
