"""A device's name, fleet and tags, and the ends: credentials revoked, let in again, removed."""

import asyncio
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of, check_permitted
from iotistic_dashboard.domain.tags import tags_of
from iotistic_dashboard.views import Device
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.forms import Form, form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages, redirect

__all__ = ["Credentials", "DeviceRemoval", "DeviceSettings", "PollNow"]


class DeviceSettings:
    """``/devices/{uuid}/settings``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show what can be changed about a device", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the forms."""
        caller = caller_of(req)
        found, _ = await asyncio.gather(caller.get(f"/api/v1/devices/{uuid}"), caller.person())
        device = Device.model_validate(found)
        tags = "\n".join(f"{key}={value}" for key, value in device.tags.items())
        self._pages.show(req, resp, "device/settings", device=device, tags=tags, tab="settings")

    @page("Change a device", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the forms."""
        caller, form = caller_of(req), form_of(req)
        before, typed = _settings(form, "was-"), _settings(form)
        body = {name: value for name, value in typed.items() if value != before[name]}
        if not body:
            caller.tell("info", "Nothing was changed.")
            redirect(resp, f"/devices/{uuid}/settings")
            return
        call = caller.send("PATCH", f"/api/v1/devices/{uuid}", body)
        await attempt(caller, resp, call, back=f"/devices/{uuid}/settings", done="Saved.")


def _settings(form: Form, prefix: str = "") -> dict[str, Any]:
    """Return what was typed, or with 'was-' what stood there before."""
    return {
        "name": form.whole(f"{prefix}name"),
        "deviceType": form.whole(f"{prefix}type") or None,
        "fleet": form.whole(f"{prefix}fleet") or None,
        "tags": tags_of(form.whole(f"{prefix}tags", most=20_000)),
    }


class PollNow:
    """``/devices/{uuid}/poll-now``."""

    @page("Have a device poll at once", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the settings."""
        caller = caller_of(req)
        call = caller.send("POST", f"/api/v1/devices/{uuid}/poll-now")
        done = "The device is told to ask for its target state now."
        await attempt(caller, resp, call, back=f"/devices/{uuid}/settings", done=done)


class Credentials:
    """``/devices/{uuid}/credentials`` (revoke) and ``…/readmit``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Ask before credentials are revoked", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the question."""
        caller = caller_of(req)
        await check_permitted(caller, "devices", closing=True)
        device = Device.model_validate(await caller.get(f"/api/v1/devices/{uuid}"))
        self._pages.show(
            req, resp, "confirm",
            title=f"Revoke the credentials of {device.name}?",
            lost=[(f"{device.name} can't reach this system any more: no new target states, "
                  "no reports, until it is let in again and registers with a provisioning key")],
            kept=["what runs on the device keeps running", "its name, history and target state"],
            act=f"/devices/{uuid}/credentials", label="Revoke the credentials",
            back=f"/devices/{uuid}/settings",
        )  # fmt: skip

    @page("Revoke a device's credentials", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the settings."""
        caller = caller_of(req)
        call = caller.send("DELETE", f"/api/v1/devices/{uuid}/keys")
        done = "The credentials are revoked."
        await attempt(caller, resp, call, back=f"/devices/{uuid}/settings", done=done)

    @page("Let a device register again", access=PERSON)
    async def on_post_readmit(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go back to the settings."""
        caller = caller_of(req)
        call = caller.send("POST", f"/api/v1/devices/{uuid}/readmit")
        done = "The device may register again. A new provisioning key must be of the same fleet."
        await attempt(caller, resp, call, back=f"/devices/{uuid}/settings", done=done)


class DeviceRemoval:
    """``/devices/{uuid}/remove``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Ask before a device is removed", access=PERSON)
    async def on_get(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Answer the question."""
        caller = caller_of(req)
        await check_permitted(caller, "devices", closing=True)
        device = Device.model_validate(await caller.get(f"/api/v1/devices/{uuid}"))
        self._pages.show(
            req, resp, "confirm",
            title=f"Remove {device.name}?",
            lost=[f"{device.name} with its name, tags, target state, history, metrics and events",
                  "its credentials: it can't reach this system any more"],
            kept=["what runs on the device keeps running until somebody stops it there"],
            act=f"/devices/{uuid}/remove", label=f"Remove {device.name}",
            fields={"name": device.name}, back=f"/devices/{uuid}/settings",
        )  # fmt: skip

    @page("Remove a device", access=PERSON)
    async def on_post(self, req: Request, resp: Response, uuid: UUID) -> None:
        """Go to the list."""
        caller = caller_of(req)
        call = caller.send("DELETE", f"/api/v1/devices/{uuid}")
        done = f"{form_of(req).text('name') or 'The device'} is removed."
        await attempt(caller, resp, call, back="/devices", done=done)
