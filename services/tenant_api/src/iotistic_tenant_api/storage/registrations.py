"""Registrations with their API keys and certificates, from first to last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from iotistic_tenant_api.domain.device_keys import OVERLAP, DeviceKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Certificate", "NewRegistration", "PostgresRegistrations", "SigningKey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRegistration:
    """What a registration leaves behind."""

    id: str
    device_uuid: str
    public_key: bytes
    sealing_key: bytes
    key_id: str
    key_hash: bytes
    name: str
    facts: dict[str, str | None]
    fleet: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A device certificate by its serial, lower-case hex."""

    serial: str
    device_uuid: str
    registration: str
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The key (DER) that signs a registered device's calls, and the registration it signs for."""

    registration: str
    public_key: bytes
    released_at: datetime | None


class PostgresRegistrations:
    """All earlier registrations live until the newest one's API key is used.

    What changes a device's registrations, keys or certificates locks the device before it reads.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, new: NewRegistration) -> None:
        """Make `new` the newest registration of its device, which is added when it is unknown."""
        facts: dict[str, Any] = {"uuid": new.device_uuid, "at": new.at, "name": new.name,
                                 "fleet": new.fleet, "key": new.public_key, "id": new.id,
                                 **new.facts}  # fmt: skip
        await self._connection.execute(
            """INSERT INTO devices (uuid, name, device_type, fleet, public_key,
                   newest_registration, registered_at, mac_address, os_version, agent_version,
                   created_at)
               VALUES (%(uuid)s, %(name)s, %(device_type)s, %(fleet)s, %(key)s, %(id)s, %(at)s,
                       %(mac_address)s, %(os_version)s, %(agent_version)s, %(at)s)
               ON CONFLICT (uuid) DO UPDATE SET public_key = excluded.public_key,
                   newest_registration = excluded.newest_registration,
                   registered_at = coalesce(devices.registered_at, excluded.registered_at),
                   device_type = coalesce(devices.device_type, excluded.device_type),
                   mac_address = excluded.mac_address, os_version = excluded.os_version,
                   agent_version = excluded.agent_version, reregister_until = NULL,
                   released_at = NULL""",
            facts,
        )
        await self._connection.execute(
            """INSERT INTO device_registrations (id, device_uuid, public_key, sealing_key,
                   created_at) VALUES (%s, %s, %s, %s, %s)""",
            (new.id, new.device_uuid, new.public_key, new.sealing_key, new.at),
        )
        await self._connection.execute(
            """INSERT INTO device_api_keys (id, device_uuid, registration, current_hash,
                   created_at) VALUES (%s, %s, %s, %s, %s)""",
            (new.key_id, new.device_uuid, new.id, new.key_hash, new.at),
        )

    async def lock(self, uuid: str) -> None:
        """Keep everything of a device that is here as it is until the transaction ends."""
        await self._connection.execute(
            "SELECT FROM devices WHERE uuid = %s FOR NO KEY UPDATE", (uuid,)
        )

    async def key(self, key_id: str, *, lock: bool = False) -> DeviceKey | None:
        """Return a living API key with its registration; `lock` locks the device before."""
        if lock:
            await self._connection.execute(
                """SELECT FROM devices d JOIN device_api_keys k ON k.device_uuid = d.uuid
                   WHERE k.id = %s FOR NO KEY UPDATE OF d""",
                (key_id,),
            )
        statement = """
            SELECT k.id, k.device_uuid::text AS device_uuid, k.registration::text AS registration,
                   k.current_hash, k.pending_hash, k.previous_hash, k.previous_until,
                   k.spent_hashes, r.public_key, r.sealing_key,
                   r.confirmed_at IS NOT NULL AS confirmed,
                   d.newest_registration = r.id AS newest
            FROM device_api_keys k
            JOIN device_registrations r ON r.id = k.registration
            JOIN devices d ON d.uuid = k.device_uuid
            WHERE k.id = %s AND k.revoked_at IS NULL AND r.ended_at IS NULL
              AND d.deleted_at IS NULL"""
        async with self._connection.cursor(row_factory=class_row(DeviceKey)) as cursor:
            await cursor.execute(statement, (key_id,))
            return await cursor.fetchone()

    async def confirm(self, uuid: str, registration: str, at: datetime) -> None:
        """Note the first use of the newest registration's key; all earlier ones die."""
        await self._connection.execute(
            """UPDATE device_registrations SET confirmed_at = %s
               WHERE id = %s AND confirmed_at IS NULL""",
            (at, registration),
        )
        await self.end(uuid, at, reason="superseded", but=registration)

    async def end(self, uuid: str, at: datetime, *, reason: str, but: str | None = None) -> None:
        """End the registrations (all, or all `but` one) with their keys and certificates.

        The caller holds the device's lock: what is being added to them is there, or is refused.
        """
        arguments = {"uuid": uuid, "at": at, "but": but, "reason": reason}
        for statement in (
            """UPDATE device_registrations SET ended_at = %(at)s
               WHERE device_uuid = %(uuid)s AND ended_at IS NULL
                 AND id IS DISTINCT FROM %(but)s::uuid""",
            """UPDATE device_api_keys SET revoked_at = %(at)s
               WHERE device_uuid = %(uuid)s AND revoked_at IS NULL
                 AND registration IS DISTINCT FROM %(but)s::uuid""",
            """UPDATE device_certificates SET revoke_at = %(at)s, revoke_reason = %(reason)s
               WHERE device_uuid = %(uuid)s AND revoke_at IS NULL AND not_after > %(at)s
                 AND registration IS DISTINCT FROM %(but)s::uuid""",
        ):
            await self._connection.execute(statement, arguments)

    async def propose(self, key: DeviceKey, new_hash: bytes, at: datetime) -> None:
        """Take a new secret that waits for its first use; an unused one before it is void."""
        await self._connection.execute(
            """UPDATE device_api_keys SET pending_hash = %s, pending_since = %s,
                   spent_hashes = CASE WHEN pending_hash IS NULL THEN spent_hashes
                                       ELSE array_append(spent_hashes, pending_hash) END
               WHERE id = %s""",
            (new_hash, at, key.id),
        )

    async def promote(self, key: DeviceKey, at: datetime) -> None:
        """Make the waiting secret the current one; the one before lives an hour more."""
        await self._connection.execute(
            """UPDATE device_api_keys SET current_hash = pending_hash, pending_hash = NULL,
                   pending_since = NULL, previous_hash = current_hash, previous_until = %s,
                   rotated_at = %s,
                   spent_hashes = CASE WHEN previous_hash IS NULL THEN spent_hashes
                                       ELSE array_append(spent_hashes, previous_hash) END
               WHERE id = %s AND pending_hash IS NOT NULL""",
            (at + OVERLAP, at, key.id),
        )

    async def newest_signing_key(self, uuid: str) -> SigningKey | None:
        """Return the newest registration's key, also of a released device; None when unknown."""
        async with self._connection.cursor(row_factory=class_row(SigningKey)) as cursor:
            await cursor.execute(
                """SELECT r.id::text AS registration, r.public_key, d.released_at
                   FROM devices d JOIN device_registrations r ON r.id = d.newest_registration
                   WHERE d.uuid = %s AND d.deleted_at IS NULL""",
                (uuid,),
            )
            return await cursor.fetchone()

    async def release(self, uuid: str, at: datetime) -> None:
        """Clear the key on record and end everything the device had."""
        await self._connection.execute(
            """UPDATE devices SET public_key = NULL, released_at = %s, reregister_until = NULL
               WHERE uuid = %s""",
            (at, uuid),
        )
        await self.end(uuid, at, reason="released")

    async def add_certificate(self, certificate: Certificate, at: datetime) -> None:
        """Remember a certificate, so that it can be revoked."""
        await self._connection.execute(
            """INSERT INTO device_certificates (serial, device_uuid, registration, not_after,
                   issued_at) VALUES (%s, %s, %s, %s, %s)""",
            (certificate.serial, certificate.device_uuid, certificate.registration,
             certificate.not_after, at),
        )  # fmt: skip

    async def certificates_to_revoke(self, limit: int) -> list[tuple[str, str, str]]:
        """Return (serial, uuid, reason) of certificates whose end was decided."""
        cursor = await self._connection.execute(
            """SELECT serial, device_uuid::text, revoke_reason FROM device_certificates
               WHERE revoke_at IS NOT NULL AND revoked_at IS NULL ORDER BY revoke_at LIMIT %s""",
            (limit,),
        )
        return [(serial, uuid, reason) for serial, uuid, reason in await cursor.fetchall()]

    async def mark_revoked(self, serials: Sequence[str], at: datetime) -> None:
        """Note that the broker refuses these from now on."""
        await self._connection.execute(
            "UPDATE device_certificates SET revoked_at = %s WHERE serial = ANY(%s)",
            (at, list(serials)),
        )
