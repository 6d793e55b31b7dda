"""What people do with devices and provisioning keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import b64u_encode, format_time
from iotistic_contract.provisioning import ApiKey, ProvisioningString, secret_hash
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.events import Event
from iotistic_tenant_api.domain.registration import ProvisioningKey
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import DEVICE_CHANGED, TARGET_CHANGED, announce
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.fleet import PostgresFleet
from iotistic_tenant_api.storage.poll_requests import PostgresPollRequests
from iotistic_tenant_api.storage.provisioning import PostgresProvisioningKeys
from iotistic_tenant_api.storage.registrations import PostgresRegistrations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Caller", "DeviceDesk", "KeyDesk", "StringForm", "unknown_device"]

LONGEST_WINDOW = timedelta(hours=24)


def unknown_device(uuid: str) -> Refused:
    """Return the refusal for a uuid that is no device here."""
    return Refused(404, "not_found", f"no device {uuid} is known here")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: `id` for the audit log, `name` for people's eyes."""

    id: str
    name: str


class DeviceDesk:
    """Describe, change, remove, shut out and let in devices.

    Each act is audited and an event of the device. The license gates what gives, never what only
    takes access away: whoever stole a device is shut out under any license.
    """

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def describe(self, device: Mapping[str, Any], *, by: Caller) -> dict[str, Any]:
        """Add a device that is to register, and return its view; 409 when the uuid is taken."""
        await self._licensing.require()
        now, uuid = self._clock.now(), str(device["uuid"])
        async with self._database.transaction() as connection:
            devices = PostgresDevices(connection)
            await devices.lock(device["uuid"])
            if not await devices.describe(device, now):
                raise Refused(409, "conflict", "a device of this uuid exists", pointer="/uuid")
            await _note(connection, "described", uuid, by, now)
            return await _view(connection, uuid, now)

    async def change(self, uuid: str, changes: Mapping[str, Any], *, by: Caller) -> dict[str, Any]:
        """Set what `changes` has, and return the view."""
        await self._licensing.require()
        now = self._clock.now()
        _check_window(changes.get("reregister_until"), now)
        async with self._database.transaction() as connection:
            await _view(connection, uuid, now)
            if changes:
                await PostgresDevices(connection).change(uuid, changes)
                detail = {name: str(value) for name, value in changes.items()}
                await _note(connection, "changed", uuid, by, now, detail)
            return await _view(connection, uuid, now)

    async def remove(self, uuid: str, *, by: Caller) -> None:
        """Remove a device: its keys die at once, its certificates are revoked."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await PostgresDevices(connection).remove(uuid, now):
                raise unknown_device(uuid)
            await PostgresRegistrations(connection).end(uuid, now, reason="removed")
            await _note(connection, "removed", uuid, by, now)
            await announce(connection, DEVICE_CHANGED, [uuid])

    async def revoke_keys(self, uuid: str, *, by: Caller) -> None:
        """End keys and certificates; until it is readmitted the device can't register either."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await PostgresDevices(connection).revoke(uuid, now):
                raise unknown_device(uuid)
            await PostgresRegistrations(connection).end(uuid, now, reason="revoked")
            await _note(connection, "keys_revoked", uuid, by, now)
            await announce(connection, DEVICE_CHANGED, [uuid])

    async def readmit(self, uuid: str, *, by: Caller) -> dict[str, Any]:
        """Let a device register within 24 hours whose keys were revoked, or that was removed.

        409 when neither is so: what isn't shut out needs no door.
        """
        await self._licensing.require()
        now = self._clock.now()
        async with self._database.transaction() as connection:
            devices = PostgresDevices(connection)
            if not await devices.readmit(uuid, now + LONGEST_WINDOW, now):
                await _view(connection, uuid, now)
                raise Refused(409, "conflict", "this device's keys are neither revoked nor removed")
            until = format_time(now + LONGEST_WINDOW)
            await _note(connection, "readmitted", uuid, by, now, {"reregisterUntil": until})
            await announce(connection, DEVICE_CHANGED, [uuid])
            return await _view(connection, uuid, now)

    async def poll_now(self, uuid: str) -> None:
        """Have the device told to poll at once."""
        await self._licensing.require()
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await _view(connection, uuid, now)
            await PostgresPollRequests(connection).ask([uuid], now)
            await announce(connection, TARGET_CHANGED, [uuid])


@dataclass(frozen=True, slots=True, kw_only=True)
class StringForm:
    """What stands beside a key in the string for a device: where, and the CA's pin."""

    host: str
    port: int
    pin: str

    def text(self, key: ApiKey) -> str:
        """Return the whole string."""
        return str(
            ProvisioningString(
                key_id=key.id, secret=key.secret, host=self.host, port=self.port, pin=self.pin
            )
        )


class KeyDesk:
    """Make and revoke provisioning keys."""

    def __init__(
        self, database: Database, licensing: Licensing, form: StringForm, clock: Clock
    ) -> None:
        self._database = database
        self._licensing = licensing
        self._form = form
        self._clock = clock

    async def make(self, wish: Mapping[str, Any], *, by: str) -> dict[str, Any]:
        """Return the key's view with `key`, the string that is shown this once."""
        await self._licensing.require()
        now = self._clock.now()
        if wish["device_uuid"] is not None and wish["max_devices"] != 1:
            raise Refused(
                422, "invalid", "a key bound to one uuid is for one device", pointer="/maxDevices"
            )
        shown = ApiKey(
            prefix="iotp1",
            id=b64u_encode(secrets.token_bytes(9)),
            secret=b64u_encode(secrets.token_bytes(32)),
        )
        key = ProvisioningKey(
            id=shown.id,
            secret_hash=secret_hash(shown.secret),
            max_devices=wish["max_devices"],
            fleet=wish["fleet"],
            device_uuid=wish["device_uuid"],
            expires_at=wish["expires_at"],
        )
        async with self._database.transaction() as connection:
            keys = PostgresProvisioningKeys(connection)
            view = await keys.add(key, name=wish["name"], at=now, by=by)
            await PostgresAudit(connection).record(
                "provisioning_key_made", key.id, actor=by, at=now
            )
        return view | {"key": self._form.text(shown)}

    async def revoke(self, key_id: str, *, by: str) -> None:
        """Void a key, under any license; what registered with it stays."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await PostgresProvisioningKeys(connection).revoke(key_id, now):
                raise Refused(404, "not_found", "no such provisioning key")
            await PostgresAudit(connection).record(
                "provisioning_key_revoked", key_id, actor=by, at=now
            )


async def _view(connection: Connection, uuid: str, now: datetime) -> dict[str, Any]:
    view = await PostgresFleet(connection, now).view(uuid)
    if view is None:
        raise unknown_device(uuid)
    return view


async def _note(  # noqa: PLR0913, PLR0917 - one line of two logs
    connection: Connection,
    what: str,
    uuid: str,
    by: Caller,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    await PostgresAudit(connection).record(
        f"device_{what}", uuid, actor=by.id, at=at, detail=detail
    )
    event = Event(type=what, uuid=uuid, actor=by.name, data=detail or {})
    await PostgresEvents(connection).record([event], at)


def _check_window(until: datetime | None, now: datetime) -> None:
    if until is not None and until > now + LONGEST_WINDOW:
        raise Refused(422, "invalid", "at most 24 hours from now", pointer="/reregisterUntil")
