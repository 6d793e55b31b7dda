"""Devices by their API key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from iotistic_kit.auth import Principal, bearer
from iotistic_kit.errors import Problem
from iotistic_tenant_api.domain.device_keys import DeviceKey, Shown, shown, split_key
from iotistic_tenant_api.storage.connection import DEVICE_CHANGED, announce
from iotistic_tenant_api.storage.registrations import PostgresRegistrations

if TYPE_CHECKING:
    from falcon.asgi import Request

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.held import Held
    from iotistic_tenant_api.live.last_seen import LastSeen

__all__ = ["DeviceAuthenticator", "DeviceKeys", "device_key_of"]


class DeviceKeys:
    """API keys from memory or the database; the first use of a new one ends the ones before."""

    def __init__(self, database: Database, held: Held[DeviceKey], clock: Clock) -> None:
        self._database = database
        self._held = held
        self._clock = clock

    async def check(self, text: str) -> DeviceKey:
        """Return the living key that `text` shows; Problem 401 for any other text."""
        parts = split_key(text)
        if parts is None:
            raise _unauthorized()
        key_id, secret = parts
        digest = hashlib.sha256(secret.encode("ascii")).digest()
        key = await self._held.get(
            key_id, lambda: self._read(key_id), lambda found: found.device_uuid
        )
        if key is not None and shown(key, digest, self._clock.now()) is None:
            key = await self._read(key_id)  # another worker may have taken a new secret just now
        which = None if key is None else shown(key, digest, self._clock.now())
        if key is None or which is None:
            raise _unauthorized()
        if which is Shown.PENDING or (key.newest and not key.confirmed):
            return await self._first_use(key, digest)
        return key

    async def _read(self, key_id: str) -> DeviceKey | None:
        async with self._database.connection() as connection:
            return await PostgresRegistrations(connection).key(key_id)

    async def _first_use(self, key: DeviceKey, digest: bytes) -> DeviceKey:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            registrations = PostgresRegistrations(connection)
            current = await registrations.key(key.id, lock=True)
            which = None if current is None else shown(current, digest, now)
            if current is None or which is None:
                raise _unauthorized()
            if which is Shown.PENDING:
                await registrations.promote(current, now)
            if current.newest and not current.confirmed:
                await registrations.confirm(current.device_uuid, current.registration, now)
            await announce(connection, DEVICE_CHANGED, [key.device_uuid])
        self._held.forget([key.device_uuid])
        return current


class DeviceAuthenticator:
    """`X-Device-API-Key`, or a bearer token that begins with `dk1.`."""

    def __init__(self, keys: DeviceKeys, last_seen: LastSeen) -> None:
        self._keys = keys
        self._last_seen = last_seen

    async def authenticate(self, req: Request) -> Principal | None:
        """Return the device; None without a device key, Problem 401 for a bad one."""
        text = device_key_of(req)
        if text is None:
            return None
        key = await self._keys.check(text)
        self._last_seen.saw(key.device_uuid)
        req.context.device_key = key
        facts = (("registration", key.registration), ("key", key.id))
        return Principal(kind="device", id=key.device_uuid, facts=facts)


def device_key_of(req: Request) -> str | None:
    """Return the device key in the headers; Problem 401 when two different ones are there."""
    header = req.get_header("X-Device-API-Key")
    token = bearer(req)
    if header is not None and token is not None and header != token:
        raise _unauthorized("two different keys in the headers")
    text = token if header is None else header
    if text is None or (header is None and not text.startswith("dk1.")):
        return None
    return text


def _unauthorized(detail: str = "the device API key is not valid") -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
