"""What a device is to get: its ETag at once, the document when it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iotistic_tenant_api.domain.documents import UNWRITTEN, delivered_of, document_of, etag_of
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.sealing import sealing_thumbprint
from iotistic_tenant_api.storage.targets import PostgresTargets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.device_keys import DeviceKey
    from iotistic_tenant_api.domain.targets import Target
    from iotistic_tenant_api.live.held import Held
    from iotistic_tenant_api.security.data_key import SecretStore

__all__ = ["ReadState", "StateDocument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDocument:
    """A target document for one registration, with its ETag."""

    etag: str
    body: Mapping[str, Any]


class ReadState:
    """ETags by registration from memory; documents from the database."""

    def __init__(self, database: Database, held: Held[str], secrets: SecretStore) -> None:
        self._database = database
        self._held = held
        self._secrets = secrets

    def peek(self, key: DeviceKey) -> str | None:
        """Return the ETag in force when it is in memory: one look-up, no I/O."""
        return self._held.peek(key.registration)

    async def __call__(self, key: DeviceKey) -> StateDocument:
        """Return document and ETag as of now, secrets sealed to the registration's key."""
        target: Target | None = None

        async def read() -> str:
            nonlocal target
            target = await self._target(key.device_uuid)
            return self._etag(target, key)

        etag = await self._held.get(key.registration, read, lambda _: key.device_uuid)
        if target is None:
            target = await self._target(key.device_uuid)
            etag = self._etag(target, key)
        return StateDocument(etag=etag or "", body=self._body(target, key))

    async def _target(self, uuid: str) -> Target:
        async with self._database.connection() as connection:
            target = (await PostgresTargets(connection).get([uuid])).get(uuid)
        if target is None:
            raise Refused(401, "unauthorized", "this device was removed")
        return target

    def _etag(self, target: Target, key: DeviceKey) -> str:
        return etag_of(target.version, target.delivered, sealing_thumbprint(key.sealing_key))

    def _body(self, target: Target, key: DeviceKey) -> Mapping[str, Any]:
        delivered = target.delivered
        if delivered is None:
            return UNWRITTEN
        if target.secrets:
            spec = delivered_of(delivered)
            sealed = self._secrets.seal(key.device_uuid, spec, target.secrets, key.sealing_key)
            return document_of(target.version, sealed)
        return document_of(target.version, delivered)
