"""One's own account: name, password, second factor, sessions."""

import asyncio
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of
from iotistic_dashboard.api import ApiRefused
from iotistic_dashboard.sessions.desk import Caller
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages, redirect
from iotistic_dashboard.web.qr import qr_svg

__all__ = ["Account", "OwnSessions", "TwoFactor"]

AT = "/api/v1/auth"


class Account:
    """``/account``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show one's own account", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the forms and the sessions."""
        caller = caller_of(req)
        sessions, _ = await asyncio.gather(
            caller.get(f"{AT}/sessions"), caller.person(at_once=True)
        )
        self._pages.show(req, resp, "account", sessions=sessions["items"])

    @page("Change one's name", access=PERSON)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Go back to the account."""
        caller = caller_of(req)
        call = caller.send("PATCH", f"{AT}/me", {"name": form_of(req).text("name")})
        await attempt(caller, resp, call, back="/account", done="Your name is saved.")

    @page("Change one's password", access=PERSON)
    async def on_post_password(self, req: Request, resp: Response) -> None:
        """Go back to the account; other sessions end."""
        caller, form = caller_of(req), form_of(req)
        if form.raw("new") != form.raw("again"):
            caller.tell("bad", "The new password was typed differently the second time.")
            redirect(resp, "/account")
            return
        body = {"current": form.raw("current"), "new": form.raw("new")}
        call = caller.send("POST", f"{AT}/password", body)
        done = "Your password is changed; your other sessions have ended."
        await attempt(caller, resp, call, back="/account", done=done)


class TwoFactor:
    """``/account/second-factor``: begin, confirm, turn off."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Begin a second factor", access=PERSON)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the QR code: this once, so it is no redirect."""
        caller = caller_of(req)
        try:
            offer = await caller.send(
                "POST", f"{AT}/totp", {"password": form_of(req).raw("password")}
            )
        except ApiRefused as refused:
            _no(caller, resp, refused)
            return
        self._offer(req, resp, offer["secret"], offer["otpauthUri"], "")

    def _offer(self, req: Request, resp: Response, secret: str, uri: str, fault: str) -> None:
        qr = qr_svg(uri, "The second factor's secret as a QR code")
        facts: dict[str, Any] = {"secret": secret, "uri": uri, "qr": qr, "fault": fault}
        self._pages.show(req, resp, "second_factor_new", **facts)

    @page("Turn the second factor on", access=PERSON)
    async def on_post_confirm(self, req: Request, resp: Response) -> None:
        """Answer the recovery codes: this once, so it is no redirect."""
        caller, form = caller_of(req), form_of(req)
        code = form.text("code").replace(" ", "")
        try:
            made = await caller.send("POST", f"{AT}/totp/confirm", {"code": code})
        except ApiRefused as refused:
            if refused.code != "wrong_code":
                _no(caller, resp, refused)
                return
            fault = "This code is wrong. Look at your app again."
            self._offer(req, resp, form.text("secret"), _uri(form.text("uri")), fault)
            return
        await caller.person(at_once=True)
        self._pages.show(req, resp, "recovery_codes", codes=made["recoveryCodes"])

    @page("Turn the second factor off", access=PERSON)
    async def on_post_remove(self, req: Request, resp: Response) -> None:
        """Go back to the account."""
        caller, form = caller_of(req), form_of(req)
        body = {"password": form.raw("password"), "code": form.text("code").replace(" ", "")}
        call = caller.send("POST", f"{AT}/totp/remove", body)
        await attempt(caller, resp, call, back="/account", done="The second factor is off.")


class OwnSessions:
    """``/account/sessions/{session_id}/end``."""

    @page("End one of one's own sessions", access=PERSON)
    async def on_post(self, req: Request, resp: Response, session_id: UUID) -> None:
        """Go back to the account."""
        caller = caller_of(req)
        call = caller.send("DELETE", f"{AT}/sessions/{session_id}")
        await attempt(caller, resp, call, back="/account", done="The session has ended.")


def _no(caller: Caller, resp: Response, refused: ApiRefused) -> None:
    caller.tell("bad", said(refused))
    redirect(resp, "/account")


def _uri(text: str) -> str:
    return text if text.startswith("otpauth://") else "otpauth://totp/"
