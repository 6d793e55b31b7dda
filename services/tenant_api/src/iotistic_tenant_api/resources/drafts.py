"""Drafts of specs, deploys, the past and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_contract.ids import check_uuid
from iotistic_contract.spec_diff import diff
from iotistic_contract.target_state import Spec
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.fleet_schemas import (
    ChangeView,
    Deploy,
    DraftQuery,
    DraftView,
    DropQuery,
    HistoryPage,
    HistoryQuery,
    HistoryView,
    Rollback,
)
from iotistic_tenant_api.resources.access import READ_TARGETS, WRITE_TARGETS
from iotistic_tenant_api.resources.callers import name_of
from iotistic_tenant_api.resources.target_states import answer_target, read_revision, read_spec
from iotistic_tenant_api.schemas import SpecBody, TargetView
from iotistic_tenant_api.storage.history import PostgresHistory
from iotistic_tenant_api.storage.targets import PostgresTargets
from iotistic_tenant_api.usecases.keep_devices import unknown_device

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.db import Database
    from iotistic_tenant_api.storage.history import Past
    from iotistic_tenant_api.usecases.draft_targets import DraftDesk, DraftOnTarget

__all__ = ["Deploys", "Drafts", "Histories", "Rollbacks"]


class Drafts:
    """A spec that isn't in force yet, one a device."""

    def __init__(self, desk: DraftDesk) -> None:
        self._desk = desk

    @operation("Show a draft", access=READ_TARGETS, response=DraftView, problems=(404, 422))
    async def on_get(self, _req: Request, resp: Response, uuid: str) -> None:
        """Answer the draft and what it would change."""
        _answer(resp, await self._desk.show(check_uuid(uuid)))

    @operation(
        "Save a draft",
        access=WRITE_TARGETS,
        query=DraftQuery,
        request=Spec,
        response=DraftView,
        problems=(402, 404, 412, 428),
    )
    async def on_put(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the draft; `If-Match` is the revision of the spec that it is based on."""
        query, revision = read_query(req, DraftQuery), read_revision(req)
        found = await self._desk.save(
            check_uuid(uuid),
            read_spec(await req.get_media()),
            base_revision=revision,
            over=query.draft_revision,
            by=name_of(req),
        )
        _answer(resp, found)

    @operation(
        "Drop a draft",
        access=WRITE_TARGETS,
        query=DropQuery,
        status=204,
        problems=(402, 404, 412, 422),
    )
    async def on_delete(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer 204; 412 `draft_changed` when the draft on file is another one."""
        query = read_query(req, DropQuery)
        await self._desk.drop(check_uuid(uuid), query.draft_revision)
        resp.status = 204


class Deploys:
    """Drafts that come into force."""

    def __init__(self, desk: DraftDesk) -> None:
        self._desk = desk

    @operation(
        "Put the draft in force",
        access=WRITE_TARGETS,
        request=Deploy,
        response=TargetView,
        problems=(402, 404, 409, 412),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the target state; 409 `draft_stale` has the difference as `diff`."""
        body = await read_body(req, Deploy)
        target = await self._desk.deploy(
            check_uuid(uuid), body.base_revision, body.draft_revision, by=name_of(req)
        )
        answer_target(resp, target)


class Rollbacks:
    """Ways back to what once was."""

    def __init__(self, desk: DraftDesk) -> None:
        self._desk = desk

    @operation(
        "Put the spec of an earlier version in force",
        access=WRITE_TARGETS,
        request=Rollback,
        response=TargetView,
        problems=(402, 404, 409, 412),
    )
    async def on_post(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer the target state; 409 `secrets_gone` names what can't be brought back."""
        body = await read_body(req, Rollback)
        target = await self._desk.roll_back(
            check_uuid(uuid),
            body.version,
            body.base_revision,
            revision=body.spec_revision,
            by=name_of(req),
        )
        answer_target(resp, target)


class Histories:
    """What target states were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "Show what a target state was",
        access=READ_TARGETS,
        query=HistoryQuery,
        response=HistoryPage,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, uuid: str) -> None:
        """Answer states, newest first, each with what it changed."""
        query = read_query(req, HistoryQuery)
        async with self._database.connection() as connection:
            if not await PostgresTargets(connection).get([check_uuid(uuid)]):
                raise unknown_device(uuid)
            past = await PostgresHistory(connection).page(
                uuid, _place(query.before), query.limit + 1
            )
        shown = past[: query.limit]
        items = [_past(one, older) for one, older in zip(shown, [*past[1:], None], strict=False)]
        last = shown[-1] if len(past) > query.limit else None
        following = None if last is None else f"{last.version}.{last.spec_revision}"
        resp.media = HistoryPage(items=items, next=following).wire()


def _answer(resp: Response, found: DraftOnTarget) -> None:
    draft = found.draft
    resp.media = DraftView(
        spec=SpecBody(**draft.spec),
        base_revision=draft.base_revision,
        draft_revision=draft.revision,
        stale=found.stale,
        changed_by=draft.changed_by,
        changed_at=draft.changed_at,
        diff=[ChangeView.model_validate(change) for change in found.changes],
    ).wire()


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    version, _, revision = text.partition(".")
    return int(version), int(revision or 0)


def _past(one: Past, older: Past | None) -> HistoryView:
    known = older is not None or one.version <= 1
    before = None if older is None else _document(older)
    changes = diff(before, _document(one)) if known else ()
    return HistoryView(
        version=one.version,
        spec_revision=one.spec_revision,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
        diff=[ChangeView.model_validate(change.to_wire()) for change in changes] if known else None,
    )


def _document(past: Past) -> dict[str, Any]:
    overrides = {"overrides": past.overrides} if past.overrides else {}
    return {**past.spec, **overrides}
