"""Drafts of a device's target state: written, compared, deployed; and the way back."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_contract.codec import parse_json
from iotistic_contract.errors import MalformedJson
from iotistic_dashboard.access import PERSON, caller_of, check_permitted
from iotistic_dashboard.api import ApiRefused
from iotistic_dashboard.domain.changes import change_rows
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.views import Device, Target
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import Form, form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages
from iotistic_kit.errors import Problem

__all__ = ["Deploy", "Drafts", "Rollback"]

LARGEST = 2 * 1024 * 1024
CONFLICTS = frozenset({409, 412})
_DRAFT_CHANGED = "Somebody saved another draft meanwhile. Go back and look at it first."
_TARGET_CHANGED = (
    "Somebody changed the target state meanwhile. Go back and look at what is in force now."
)
EMPTY: dict[str, Any] = {"apps": {}, "config": {}}


@dataclass(frozen=True, slots=True)
class _Desk:
    """A device with its target, its draft (None without one) and its past."""

    device: Device
    target: Target
    draft: dict[str, Any] | None
    past: list[dict[str, Any]]
    next: str | None

    @property
    def over(self) -> int:
        """The draft's revision, 0 without one."""
        return int((self.draft or {}).get("draftRevision", 0))

    def facts(self) -> dict[str, Any]:
        spec = (self.draft or {}).get("spec") or self.target.spec or EMPTY
        past = [{**one, "rows": change_rows(one.get("diff"))} for one in self.past]
        return {
            "device": self.device,
            "target": self.target,
            "draft": self.draft,
            "rows": change_rows((self.draft or {}).get("diff")),
            "text": json.dumps(spec, indent=2, ensure_ascii=False),
            "past": past,
            "next": self.next,
            "tab": "deploy",
            "base": self.target.spec_revision,
            "over": self.over,
            "onto": "",
            "fault": "",
        }


async def _look(caller: Caller, uuid: str, before: str = "") -> _Desk:
    at = f"/api/v1/devices/{uuid}"
    history = caller.get(f"{at}/target-state/history", limit=20, before=before)
    device, target, past, draft, _ = await asyncio.gather(
        caller.get(at),
        caller.get(f"{at}/target-state"),
        history,
        _draft(caller, at),
        caller.person(),
    )
    return _Desk(
        device=Device.model_validate(device),
        target=Target.model_validate(target),
        draft=draft,
        past=past["items"],
        next=past.get("next"),
    )


async def _draft(caller: Caller, at: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await caller.get(f"{at}/target-state/draft")
    except ApiRefused as refused:
        if refused.status in {403, 404}:
            return None
        raise
    return found


class Drafts:
    """``/devices/{uuid}/deploy``: the draft, what it would change, and the history."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show the draft of a target state and the history", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the editor, the differences and the past."""
        desk = await _look(caller_of(req), str(uuid), req.get_param("before", default="")[:40])
        self._pages.show(req, resp, "device/deploy", **desk.facts())

    @page("Save a draft", access=PERSON, max_body=LARGEST)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the differences; a text that is refused stays in the editor."""
        caller, form = caller_of(req), form_of(req)
        text, (base, over) = form.raw("spec"), _revisions(form)
        try:
            call = caller.send(
                "PUT",
                f"/api/v1/devices/{uuid}/target-state/draft",
                parse_json(text.encode()),
                headers={"If-Match": f'"{base}"'},
                query={"draftRevision": over},
            )
            await call
        except (MalformedJson, ApiRefused) as exc:
            desk, status = await _look(caller, str(uuid)), _status(exc)
            facts = desk.facts() | {"text": text, "base": base, "over": over}
            facts["fault"] = said(exc) if isinstance(exc, ApiRefused) else f"This isn't JSON: {exc}"
            if status in CONFLICTS:
                facts["onto"] = f"{desk.target.spec_revision}.{desk.over}"
            self._pages.show(req, resp, "device/deploy", status=status, **facts)
            return
        caller.tell("ok", "The draft is saved. Look at the differences, then deploy it.")
        resp.status, resp.location = 303, f"/devices/{uuid}/deploy"


def _status(exc: MalformedJson | ApiRefused) -> int:
    return exc.status if isinstance(exc, ApiRefused) else 422


def _revisions(form: Form) -> tuple[int, int]:
    """Return the revisions of target and draft that the person saw, or chose to go on from."""
    base, _, over = form.text("onto").partition(".")
    return _number(base or form.text("base")), _number(over or form.text("draft"))


class Deploy:
    """``/devices/{uuid}/deploy/now`` and ``…/deploy/discard``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Deploy the draft", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the page, which says that the draft is in force."""
        caller, form = caller_of(req), form_of(req)
        names = {"baseRevision": "base", "draftRevision": "draft"}
        body = {name: _number(form.text(field)) for name, field in names.items()}
        call = caller.send("POST", f"/api/v1/devices/{uuid}/deploy", body)
        done = "The draft is in force. The device takes it with its next poll."
        await attempt(caller, resp, call, back=f"/devices/{uuid}/deploy", done=done)

    @page("Ask before a draft is discarded", access=PERSON)
    async def on_get_discard(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the question, about the draft that the page before has shown."""
        caller = caller_of(req)
        await check_permitted(caller, "target-states")
        desk = await _look(caller, str(uuid))
        if desk.draft is None:
            raise Problem(404, "not_found", "There is no draft.")
        seen = _asked(req, "draft")
        if seen != desk.over:
            raise Problem(412, "draft_changed", _DRAFT_CHANGED)
        changes = len(desk.facts()["rows"])
        self._pages.show(
            req, resp, "confirm",
            title="Discard the draft?",
            lost=[(f"the draft of {desk.device.name} with {changes} changes, "
                  f"saved by {desk.draft.get('changedBy')}")],
            kept=["what is in force on the device"],
            act=f"/devices/{uuid}/deploy/discard", label="Discard the draft",
            fields={"draft": seen},
            back=f"/devices/{uuid}/deploy",
        )  # fmt: skip

    @page("Discard the draft", access=PERSON)
    async def on_post_discard(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the page."""
        caller, form = caller_of(req), form_of(req)
        call = caller.send(
            "DELETE",
            f"/api/v1/devices/{uuid}/target-state/draft",
            query={"draftRevision": _number(form.text("draft"))},
        )
        back = f"/devices/{uuid}/deploy"
        await attempt(caller, resp, call, back=back, done="The draft is discarded.")


class Rollback:
    """``/devices/{uuid}/rollback``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Ask before a device goes back", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the question; what was shown on the page before goes on with the answer."""
        names = ("version", "revision", "base")
        version, revision, base = (_asked(req, name) for name in names)
        caller = caller_of(req)
        await check_permitted(caller, "target-states")
        desk = await _look(caller, str(uuid))
        if base != desk.target.spec_revision:
            raise Problem(412, "precondition_failed", _TARGET_CHANGED)
        self._pages.show(
            req, resp, "confirm",
            title=f"Go back to version {version}?",
            lost=[f"what version {desk.target.version} of {desk.device.name} changed since then"],
            kept=["the history: you can come back to it", "overrides by people"],
            act=f"/devices/{uuid}/rollback", label=f"Go back to version {version}",
            fields={"version": version, "revision": revision, "base": base},
            back=f"/devices/{uuid}/deploy",
        )  # fmt: skip

    @page("Go back to an earlier target state", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the page, which says so."""
        caller, form = caller_of(req), form_of(req)
        version = _number(form.text("version"))
        body = {
            "version": version,
            "specRevision": _number(form.text("revision")),
            "baseRevision": _number(form.text("base")),
        }
        call = caller.send("POST", f"/api/v1/devices/{uuid}/rollback", body)
        done = f"Version {version} is in force again, as a new version."
        await attempt(caller, resp, call, back=f"/devices/{uuid}/deploy", done=done)


def _asked(req: Request, name: str) -> int:
    return _number(req.get_param(name, default=""))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Problem(422, "invalid", "A number is missing.")
    return int(text)
