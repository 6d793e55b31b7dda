"""One device: its state, its services and what is done with them, its events."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of, check_permitted
from iotistic_dashboard.api import route
from iotistic_dashboard.domain.events import sentence
from iotistic_dashboard.domain.services import ServiceRow, service_rows
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.views import Device, Target
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.forms import Form, form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages
from iotistic_kit.errors import Problem

__all__ = ["DeviceEvents", "DeviceState", "Looked", "ServiceActs", "Services", "look"]

ACTS = {
    "start": "{name} is to run.",
    "stop": "{name} is to stop.",
    "pause": "{name} is to pause.",
    "restart": "{name} is to restart.",
    "give-back": "{name} is given back to the inventory.",
}
HOLDS = {"1": 1, "8": 8, "24": 24, "168": 168}


@dataclass(frozen=True, slots=True)
class Looked:
    """A device with its target state and last report."""

    device: Device
    target: Target
    report: dict[str, Any] | None
    received_at: str | None
    services: list[ServiceRow]

    def facts(self) -> dict[str, Any]:
        """Return what templates call them."""
        return {
            "device": self.device, "target": self.target, "report": self.report or {},
            "received_at": self.received_at, "services": self.services,
        }  # fmt: skip


async def look(caller: Caller, uuid: str) -> Looked:
    """Return what the API knows about a device."""
    at = f"/api/v1/devices/{uuid}"
    _, device, target, current = await asyncio.gather(
        caller.person(),
        caller.get(at),
        caller.get(f"{at}/target-state"),
        caller.get(f"{at}/current-state"),
    )
    wanted, report = Target.model_validate(target), current.get("report")
    return Looked(
        device=Device.model_validate(device),
        target=wanted,
        report=report,
        received_at=current.get("receivedAt"),
        services=service_rows(wanted.spec, wanted.overrides, report),
    )


class DeviceState:
    """``/devices/{uuid}``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show a device", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer its state, its services in short, and what happened last."""
        caller = caller_of(req)
        looked, events = await asyncio.gather(
            look(caller, str(uuid)), caller.get(f"/api/v1/devices/{uuid}/events", limit=6)
        )
        told = [(one, *sentence(one)) for one in events["items"]]
        self._pages.show(req, resp, "device/state", tab="", events=told, **looked.facts())


class Services:
    """``/devices/{uuid}/services``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show a device's services", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer what is wanted, what is overridden and what runs."""
        looked = await look(caller_of(req), str(uuid))
        self._pages.show(req, resp, "device/services", tab="services", **looked.facts())


class ServiceActs:
    """``/devices/{uuid}/services/{app_id}/{service_id}``: a choice with a reason and an end."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Ask what to do with a service", access=PERSON)
    async def on_get(
        self, req: Request, resp: Response, uuid: UUID, app_id: str, service_id: str
    ) -> None:
        """Answer the form."""
        caller = caller_of(req)
        await check_permitted(caller, "overrides")
        looked = await look(caller, str(uuid))
        rows = [
            one for one in looked.services if (one.app_id, one.service_id) == (app_id, service_id)
        ]
        if not rows:
            raise Problem(404, "not_found", "This device has no such service.")
        facts = looked.facts() | {"service": rows[0], "tab": "services"}
        self._pages.show(req, resp, "device/service", **facts)

    @page("Start, stop, pause, restart or give back a service", access=PERSON)
    async def on_post(
        self, req: Request, resp: Response, uuid: UUID, app_id: str, service_id: str
    ) -> None:
        """Go back to the services, which say what was done."""
        form = form_of(req)
        act = form.text("act")
        if act not in ACTS:
            raise Problem(422, "invalid", "Choose what to do.")
        caller = caller_of(req)
        path = route("api", "v1", "devices", str(uuid), "apps", app_id, "services", service_id, act)
        call = caller.send("POST", path, _hold(form, act))
        done = ACTS[act].format(name=form.text("name", most=80) or service_id)
        await attempt(caller, resp, call, back=f"/devices/{uuid}/services", done=done)


class DeviceEvents:
    """``/devices/{uuid}/events``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show what happened to a device", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer events, newest first."""
        caller = caller_of(req)
        before = req.get_param("before", default="")[:40]
        device, found, _ = await asyncio.gather(
            caller.get(f"/api/v1/devices/{uuid}"),
            caller.get(f"/api/v1/devices/{uuid}/events", limit=50, before=before),
            caller.person(),
        )
        told = [(one, *sentence(one)) for one in found["items"]]
        facts = {"device": Device.model_validate(device), "next": found.get("next")}
        facts |= {"events": told, "before": before, "tab": "events"}
        self._pages.show(req, resp, "device/events", **facts)


def _hold(form: Form, act: str) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if reason := form.text("reason", most=256):
        body["reason"] = reason
    hours = HOLDS.get(form.text("hours"))
    if hours and act not in {"restart", "give-back"}:
        at = datetime.now(UTC) + timedelta(hours=hours)
        body["expiresAt"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return body
