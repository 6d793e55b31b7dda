"""Drafts of specs: saved by one person, deployed when nothing came between; and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iotistic_contract.spec_diff import diff
from iotistic_tenant_api.domain.documents import parsed
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.targets import Target, check_revision, write
from iotistic_tenant_api.storage.drafts import Draft, PostgresDrafts
from iotistic_tenant_api.storage.history import PostgresHistory
from iotistic_tenant_api.storage.targets import PostgresTargets
from iotistic_tenant_api.usecases.keep_devices import unknown_device
from iotistic_tenant_api.usecases.write_targets import check_plan, store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.security.data_key import SecretStore
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["DraftDesk", "DraftOnTarget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOnTarget:
    """A draft beside the target state that it is to replace."""

    draft: Draft
    target: Target

    @property
    def stale(self) -> bool:
        """Whether the spec was written since the draft was begun."""
        return self.draft.base_revision != self.target.spec_revision

    @property
    def changes(self) -> list[dict[str, object]]:
        """What the draft would change, secrets masked."""
        return [change.to_wire() for change in diff(self.target.spec, self.draft.spec)]


class DraftDesk:
    """Keep drafts, put them in force, and put in force what once was."""

    def __init__(
        self, database: Database, secrets: SecretStore, licensing: Licensing, clock: Clock
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._licensing = licensing
        self._clock = clock

    async def show(self, uuid: str) -> DraftOnTarget:
        """Return the draft; 404 `no_draft`."""
        async with self._database.transaction() as connection:
            target = await _target(connection, uuid)
            return await _draft(connection, target)

    async def save(
        self,
        uuid: str,
        spec: Mapping[str, Any],
        *,
        base_revision: int,
        over: int | None,
        by: str,
    ) -> DraftOnTarget:
        """Store a draft that is based on the spec in force.

        412 when another spec is; 412 `draft_changed` when the draft on file isn't `over`. A secret
        given as its HMAC is that of the draft before, or of the spec.
        """
        await self._licensing.require()
        async with self._database.transaction() as connection:
            target = await _target(connection, uuid, lock=True)
            check_revision(target, base_revision)
            drafts = PostgresDrafts(connection)
            before = await drafts.get(uuid)
            _check_draft(before, over)
            held = target.secrets, before.secrets if before else {}
            document, secrets = self._secrets.protect(uuid, parsed(spec), *held)
            draft = Draft(
                spec=document,
                secrets=secrets,
                base_revision=base_revision,
                changed_by=by,
                changed_at=self._clock.now(),
            )
            return DraftOnTarget(draft=await drafts.put(uuid, draft), target=target)

    async def drop(self, uuid: str, revision: int) -> None:
        """Forget the draft; 404 `no_draft`, 412 `draft_changed` when it isn't `revision`."""
        await self._licensing.require()
        async with self._database.transaction() as connection:
            found = await _draft(connection, await _target(connection, uuid, lock=True))
            _check_draft(found.draft, revision)
            await PostgresDrafts(connection).drop(uuid)

    async def deploy(self, uuid: str, base_revision: int, over: int | None, *, by: str) -> Target:
        """Put the draft in force and forget it.

        409 `draft_stale`, with the diff, when another spec than `base_revision` is in force or the
        draft is based on another one.
        """
        await self._licensing.require()
        async with self._database.transaction() as connection:
            target = await _target(connection, uuid, lock=True)
            await check_plan(connection, self._licensing, {uuid: target})
            found = await _draft(connection, target)
            _check_draft(found.draft, over)
            if found.stale or base_revision != found.draft.base_revision:
                raise _stale(found)
            written = write(target, found.draft.spec, found.draft.secrets, self._clock.now())
            await PostgresDrafts(connection).drop(uuid)
            if written is not target:
                await store(connection, {uuid: target}, [written], by=by, spec_event="deployed")
            return written

    async def roll_back(
        self, uuid: str, version: int, base_revision: int, *, revision: int | None, by: str
    ) -> Target:
        """Put the spec of an earlier version in force again, as a new revision.

        It is the version's last spec, or the one that had `revision`.
        409 `secrets_gone` names the secrets of then that aren't those of now.
        """
        await self._licensing.require()
        async with self._database.transaction() as connection:
            target = await _target(connection, uuid, lock=True)
            await check_plan(connection, self._licensing, {uuid: target})
            check_revision(target, base_revision)
            past = await PostgresHistory(connection).at(uuid, version, revision)
            if past is None:
                which = f"version {version}"
                which += "" if revision is None else f" with the spec's revision {revision}"
                raise Refused(404, "not_found", f"no {which} is remembered")
            wanted = parsed(past.spec)
            gone = self._secrets.missing(uuid, wanted.spec, target.secrets)
            if gone:
                names = ", ".join(f"{one['name']} of service {one['serviceId']}" for one in gone)
                detail = f"these secrets of then are gone: {names}; deploy a draft that gives them"
                raise Refused(409, "secrets_gone", detail, secrets=gone)
            document, secrets = self._secrets.protect(uuid, wanted, target.secrets)
            written = write(target, document, secrets, self._clock.now())
            if written is not target:
                await store(connection, {uuid: target}, [written], by=by, spec_event="rolled_back")
            return written


async def _target(connection: Connection, uuid: str, *, lock: bool = False) -> Target:
    targets = await PostgresTargets(connection).get([uuid], lock=lock)
    if uuid not in targets:
        raise unknown_device(uuid)
    return targets[uuid]


async def _draft(connection: Connection, target: Target) -> DraftOnTarget:
    draft = await PostgresDrafts(connection).get(target.uuid)
    if draft is None:
        raise _no_draft(target.uuid)
    return DraftOnTarget(draft=draft, target=target)


def _no_draft(uuid: str) -> Refused:
    return Refused(404, "no_draft", f"no draft of the device {uuid} is on file")


def _check_draft(draft: Draft | None, over: int | None) -> None:
    """Refuse to go over a draft that somebody else saved meanwhile; `over` 0 means none."""
    revision = 0 if draft is None else draft.revision
    if over is None or over == revision:
        return
    who = "somebody" if draft is None else draft.changed_by
    raise Refused(
        412,
        "draft_changed",
        f"the draft is another one by now ({who}); look at it again",
        draftRevision=revision,
    )


def _stale(found: DraftOnTarget) -> Refused:
    return Refused(
        409,
        "draft_stale",
        f"the spec is at revision {found.target.spec_revision}, the draft is based on"
        f" {found.draft.base_revision}; look at the difference and save the draft again",
        specRevision=found.target.spec_revision,
        baseRevision=found.draft.base_revision,
        diff=found.changes,
    )
