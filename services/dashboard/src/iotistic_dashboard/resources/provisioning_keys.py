"""Keys that devices register with."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of, check_permitted
from iotistic_dashboard.api import ApiRefused, route
from iotistic_dashboard.domain.keys import key_rows, provision_command
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages, redirect
from iotistic_dashboard.web.qr import qr_svg

__all__ = ["KeyRevocation", "ProvisioningKeys"]

DAYS = {"1": 1, "7": 7, "30": 30, "365": 365}


class ProvisioningKeys:
    """``/provisioning-keys``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("List provisioning keys", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the keys, without their secrets."""
        caller = caller_of(req)
        after = req.get_param("after", default="")[:64]
        found, _ = await asyncio.gather(
            caller.get("/api/provisioning-keys", after=after, limit=50), caller.person()
        )
        rows = key_rows(found["items"], datetime.now(UTC))
        self._pages.show(req, resp, "keys", keys=rows, next=found.get("next"), after=after)

    @page("Make a provisioning key", access=PERSON)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the key with its string: this once, so it is no redirect."""
        caller, form = caller_of(req), form_of(req)
        body: dict[str, Any] = {"name": form.text("name") or None}
        body["maxDevices"] = _number(form.text("devices")) or 1
        body["fleet"] = form.text("fleet") or None
        if days := DAYS.get(form.text("days")):
            at = datetime.now(UTC) + timedelta(days=days)
            body["expiresAt"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            made = await caller.send("POST", "/api/provisioning-keys", body)
        except ApiRefused as refused:
            caller.tell("bad", said(refused))
            redirect(resp, "/provisioning-keys")
            return
        self._pages.show(
            req, resp, "key_made",
            key=made,
            install=await _install(caller),
            provision=provision_command(made["key"]),
            qr=qr_svg(made["key"], "The provisioning string as a QR code"),
        )  # fmt: skip


class KeyRevocation:
    """``/provisioning-keys/{key_id}/revoke``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Ask before a key is revoked", access=PERSON)
    async def on_get(self, req: Request, resp: Response, key_id: str) -> None:
        """Answer the question."""
        caller = caller_of(req)
        await check_permitted(caller, "provisioning-keys", closing=True)
        key = await caller.get(route("api", "provisioning-keys", key_id))
        name, left = key.get("name") or key_id, key["maxDevices"] - key["used"]
        self._pages.show(
            req, resp, "confirm",
            title=f"Revoke {name}?",
            lost=[f"{left} of {key['maxDevices']} devices that could still register with {name}"],
            kept=[f"the {key['used']} devices that registered with it"],
            act=f"/provisioning-keys/{key_id}/revoke", label="Revoke the key",
            fields={"name": name}, back="/provisioning-keys",
        )  # fmt: skip

    @page("Revoke a provisioning key", access=PERSON)
    async def on_post(self, req: Request, resp: Response, key_id: str) -> None:
        """Go back to the list."""
        caller = caller_of(req)
        call = caller.send("DELETE", route("api", "provisioning-keys", key_id))
        done = f"{form_of(req).text('name') or key_id} is revoked."
        await attempt(caller, resp, call, back="/provisioning-keys", done=done)


async def _install(caller: Caller) -> str | None:
    """Return the line that installs the agent; None where the tenant has no release of it."""
    try:
        found = await caller.get("/api/v1/install-command")
    except ApiRefused as refused:
        if refused.status == 404:
            return None
        raise
    return str(found["command"])


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
