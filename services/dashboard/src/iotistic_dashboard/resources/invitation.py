"""An invitation accepted: the token comes in the fragment, which no log ever sees."""

from typing import Any

from falcon.asgi import Request, Response

from iotistic_dashboard.api import ApiRefused
from iotistic_dashboard.resources.sign_in import Doors
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import redirect
from iotistic_kit.auth import PUBLIC

__all__ = ["Invitation"]


class Invitation:
    """``/invitation``: look at it, then accept it."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @page("Ask for an invitation's code", access=PUBLIC)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the form; a script puts the fragment into it and sends it."""
        self._doors.pages.greet(req, resp)
        self._doors.pages.show(req, resp, "invitation", token="", fault="", found=None, name="")

    @page("Look at an invitation, or accept it", access=PUBLIC)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer what it is for; with a name and a password, let the person in."""
        form = form_of(req)
        token = form.text("token").rpartition("#")[2]
        try:
            found = await self._doors.call(req, "invitations/look", {"token": token})
        except ApiRefused as refused:
            self._again(req, resp, refused)
            return
        if not form.ticked("password"):
            self._show(req, resp, token, found, "")
            return
        if form.raw("password") != form.raw("again"):
            fault = "The password was typed differently the second time."
            self._show(req, resp, token, found, fault)
            return
        body = {"token": token, "name": form.text("name"), "password": form.raw("password")}
        try:
            answer = await self._doors.call(req, "invitations/accept", body)
        except ApiRefused as refused:
            self._show(req, resp, token, found, said(refused))
            return
        await self._doors.welcome(req, resp, answer)
        redirect(resp, "/")

    def _show(self, req: Request, resp: Response, token: str, found: Any, fault: str) -> None:
        """Answer the form for name and password, with the name that was typed."""
        facts = {"token": token, "found": found, "fault": fault}
        name = form_of(req).text("name")
        status = 422 if fault else 200
        self._doors.pages.show(req, resp, "invitation", status=status, name=name, **facts)

    def _again(self, req: Request, resp: Response, refused: ApiRefused) -> None:
        gone = refused.status in {404, 422}
        fault = (
            "This invitation was used, taken back or is too old. Ask for a new one."
            if gone
            else said(refused)
        )
        facts = {"token": "", "found": None, "fault": fault, "name": ""}
        self._doors.pages.show(req, resp, "invitation", status=refused.status, **facts)
