"""Write specs and overrides: read and lock, decide, store, tell."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iotistic_contract.errors import ContractError
from iotistic_tenant_api.domain.documents import parsed
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.events import target_events
from iotistic_tenant_api.domain.targets import Target, check_revision, override, write
from iotistic_tenant_api.storage.devices import PostgresDevices
from iotistic_tenant_api.storage.events import PostgresEvents
from iotistic_tenant_api.storage.poll_requests import PostgresPollRequests
from iotistic_tenant_api.storage.targets import PostgresTargets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.security.data_key import SecretStore
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["OverrideServices", "SpecWrite", "WriteTargets", "check_plan", "store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecWrite:
    """One device's new spec, to be written over revision `revision`; `pointer` is for errors."""

    uuid: str
    revision: int
    spec: Mapping[str, Any]
    pointer: tuple[str | int, ...] = ()


class WriteTargets:
    """Put specs in force: all of them or none."""

    def __init__(
        self, database: Database, secrets: SecretStore, licensing: Licensing, clock: Clock
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._licensing = licensing
        self._clock = clock

    async def __call__(self, writes: Sequence[SpecWrite], *, by: str) -> list[Target]:
        """Return the targets after the write, in the order of `writes`."""
        _check_unique(writes)
        await self._licensing.require()
        async with self._database.transaction() as connection:
            targets = PostgresTargets(connection)
            held = await targets.get([write.uuid for write in writes], lock=True)
            await check_plan(connection, self._licensing, held)
            # In a thread: thousands of specs must not keep polls waiting.
            written = await asyncio.to_thread(self._all_written, writes, held)
            changed = [target for target in written if target is not held[target.uuid]]
            await store(connection, held, changed, by=by)
        return written

    def _all_written(self, writes: Sequence[SpecWrite], held: Mapping[str, Target]) -> list[Target]:
        return [self._written(one, held.get(one.uuid)) for one in writes]

    def _written(self, one: SpecWrite, target: Target | None) -> Target:
        if target is None:
            raise Refused(404, "not_found", f"no device {one.uuid} is known here")
        check_revision(target, one.revision)
        try:
            wanted = parsed(one.spec)
            document, secrets = self._secrets.protect(one.uuid, wanted, target.secrets)
        except ContractError as error:
            raise error.under(*one.pointer) from None
        return write(target, document, secrets, self._clock.now())


class OverrideServices:
    """Set or drop a person's start, stop or pause of services."""

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def __call__(self, uuid: str, patch: Mapping[str, Any], *, by: str) -> Target:
        """Return the target with the overrides in force."""
        await self._licensing.require()
        async with self._database.transaction() as connection:
            targets = PostgresTargets(connection)
            held = await targets.get([uuid], lock=True)
            if uuid not in held:
                raise Refused(404, "not_found", f"no device {uuid} is known here")
            await check_plan(connection, self._licensing, held)
            changed = override(held[uuid], patch, self._clock.now())
            if changed is not held[uuid]:
                await store(connection, held, [changed], by=by)
        return changed


def _check_unique(writes: Sequence[SpecWrite]) -> None:
    seen: set[str] = set()
    for one in writes:
        if one.uuid in seen:
            raise ContractError("uuid", "stands twice in one write").under(*one.pointer[:-1])
        seen.add(one.uuid)


async def store(
    connection: Connection,
    held: Mapping[str, Target],
    changed: Sequence[Target],
    *,
    by: str,
    spec_event: str = "spec_written",
) -> None:
    """Store what differs from `held`, with its events; devices that get another one are told."""
    if not changed:
        return
    await PostgresTargets(connection).put(changed, by=by)
    events = [
        event
        for target in changed
        for event in target_events(held[target.uuid], target, actor=by, spec=spec_event)
    ]
    await PostgresEvents(connection).record(events, changed[0].changed_at)
    await _ask_to_poll(connection, held, changed)


async def check_plan(
    connection: Connection, licensing: Licensing, targets: Mapping[str, Target]
) -> None:
    """Refuse deploys to devices past the plan's number, which keep polling and reporting."""
    limit = await licensing.max_devices()
    if limit is None:
        return
    devices = PostgresDevices(connection)
    if (await devices.beyond(limit)) & targets.keys():
        await licensing.require("maxDevices", await devices.count_registered())


async def _ask_to_poll(
    connection: Connection, held: Mapping[str, Target], changed: Sequence[Target]
) -> None:
    newer = [target for target in changed if target.version != held[target.uuid].version]
    if newer:
        uuids = [target.uuid for target in newer]
        await PostgresPollRequests(connection).ask(uuids, newer[0].changed_at)
