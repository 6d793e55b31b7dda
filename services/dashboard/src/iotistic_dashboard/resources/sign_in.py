"""Sign in, the second factor's step, and sign out."""

from dataclasses import dataclass
from typing import Any

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, Browsers, caller_of
from iotistic_dashboard.api import ApiRefused, TenantApi
from iotistic_dashboard.sessions.desk import SessionDesk
from iotistic_dashboard.sessions.store import identity
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages, redirect
from iotistic_dashboard.web.paths import local_path
from iotistic_kit.auth import PUBLIC

__all__ = ["Doors", "SecondFactor", "SignIn", "SignOut"]

_NOTES = {
    "ended": "Your session has ended. Sign in again.",
    "out": "You are signed out.",
    "late": "That took too long. Sign in again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What leads in: calls without a session, and the session that comes of them."""

    pages: Pages
    api: TenantApi
    desk: SessionDesk
    cookie: SessionCookie
    browsers: Browsers

    async def call(self, req: Request, path: str, body: dict[str, str]) -> dict[str, Any]:
        """Return the API's answer to somebody who isn't signed in."""
        browser = self.browsers.of(req)
        answer: dict[str, Any] = await self.api.call(
            "POST", f"/api/v1/{path}", token=None, browser=browser, body=body
        )
        return answer

    async def welcome(self, req: Request, resp: Response, answer: dict[str, Any]) -> None:
        """Let in whom the API knows: a new cookie, a new session; the one before ends."""
        await self.desk.begin(self.cookie.renew(resp), answer, self.browsers.of(req))
        await self.part(req)

    async def part(self, req: Request) -> None:
        """End the session of the cookie that the browser came with, if it has one."""
        cookie = self.cookie.read(req)
        before = None if cookie is None else self.desk.store.find(identity(cookie))
        if before is not None:
            await self.desk.end(before, self.browsers.of(req))


class SignIn:
    """``/sign-in``."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @page("Show the form to sign in", access=PUBLIC)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the form; who is signed in goes on."""
        onward = local_path(req.get_param("next", default="/"))
        cookie = self._doors.cookie.read(req)
        if cookie is not None and self._doors.desk.store.find(identity(cookie)) is not None:
            redirect(resp, onward)
            return
        self._doors.pages.greet(req, resp)
        note = _NOTES.get(req.get_param("note", default=""), "")
        self._doors.pages.show(req, resp, "sign_in", onward=onward, email="", fault="", note=note)

    @page("Sign in", access=PUBLIC)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Go on, ask for the second factor, or say that it was wrong."""
        form = form_of(req)
        onward = local_path(form.text("next", most=2000))
        body = {"email": form.text("email"), "password": form.raw("password")}
        try:
            answer = await self._doors.call(req, "auth/login", body)
        except ApiRefused as refused:
            if refused.code == "second_factor_required":
                pending = self._doors.cookie.renew(resp)
                self._doors.desk.store.hold(identity(pending), {**body, "next": onward})
                await self._doors.part(req)
                redirect(resp, "/sign-in/second-factor")
                return
            self._again(req, resp, refused, onward, body["email"])
            return
        await self._doors.welcome(req, resp, answer)
        redirect(resp, onward)

    def _again(
        self, req: Request, resp: Response, refused: ApiRefused, onward: str, email: str
    ) -> None:
        wrong = refused.status in {400, 401, 422}
        fault = "E-mail address or password is wrong." if wrong else said(refused)
        status = 401 if wrong else refused.status
        facts = {"onward": onward, "email": email, "fault": fault, "note": ""}
        self._doors.pages.show(req, resp, "sign_in", status=status, **facts)


class SecondFactor:
    """``/sign-in/second-factor``."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @page("Ask for the second factor", access=PUBLIC)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the form."""
        if self._held(req) is None:
            redirect(resp, "/sign-in?note=late")
            return
        self._doors.pages.show(req, resp, "second_factor", fault="")

    @page("Sign in with the second factor", access=PUBLIC)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Go on, or say that it was wrong."""
        held = self._held(req)
        cookie = self._doors.cookie.read(req)
        if held is None or cookie is None:
            redirect(resp, "/sign-in?note=late")
            return
        body = {"email": held["email"], "password": held["password"]}
        body["code"] = form_of(req).text("code", most=64).replace(" ", "")
        try:
            answer = await self._doors.call(req, "auth/login", body)
        except ApiRefused as refused:
            wrong = refused.status in {400, 401, 422}
            fault = "This code is wrong, or was used already." if wrong else said(refused)
            status = 401 if wrong else refused.status
            self._doors.pages.show(req, resp, "second_factor", status=status, fault=fault)
            return
        self._doors.desk.store.let_go(identity(cookie))
        await self._doors.welcome(req, resp, answer)
        redirect(resp, local_path(held["next"]))

    def _held(self, req: Request) -> dict[str, str] | None:
        cookie = self._doors.cookie.read(req)
        return None if cookie is None else self._doors.desk.store.held(identity(cookie))


class SignOut:
    """``/sign-out``."""

    def __init__(self, desk: SessionDesk, cookie: SessionCookie) -> None:
        self._desk, self._cookie = desk, cookie

    @page("Sign out", access=PERSON)
    async def on_post(self, req: Request, resp: Response) -> None:
        """End the session here and at the API."""
        caller = caller_of(req)
        await self._desk.end(caller.session, caller.browser)
        self._cookie.forget(resp)
        redirect(resp, "/sign-in?note=out")
