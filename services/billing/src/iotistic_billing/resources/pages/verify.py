"""``/verify``: what the link in the mail opens.

Programs that look into mail open links, too: opening shows, only the button confirms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from iotistic_billing.domain.errors import LoginRefused, TooManyAttempts, VerificationGone
from iotistic_billing.resources.pages.frame import (
    HTML,
    LARGEST_FORM,
    FormRefused,
    set_cookie,
    token_of,
)
from iotistic_billing.resources.pages.replies import gone, refused, see, too_many, unable
from iotistic_billing.resources.source import source_of
from iotistic_billing.usecases.visitors import Link
from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import is_storable
from iotistic_kit.errors import DomainError
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.resources.pages.frame import Frame
    from iotistic_billing.usecases.visitors import Visitors
    from iotistic_kit.bodies import ServiceRequest

__all__ = ["VerifyPage"]

_LONGEST = 200


class VerifyPage:
    """The question, and its answer."""

    def __init__(self, frame: Frame, visitors: Visitors) -> None:
        self._frame = frame
        self._visitors = visitors

    @operation(
        "What a mailed link confirms", access=PUBLIC, problems=(TooManyAttempts, 404), **HTML
    )
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the question whether the address is to be confirmed."""
        token = req.get_param("token") or ""
        try:
            link = await self._link(req, token)
        except VerificationGone:
            gone(self._frame, req, resp)
        except TooManyAttempts as error:
            too_many(self._frame, req, resp, error, "/status")
        else:
            self._ask(req, resp, token, link)

    @operation(
        "Confirm an address",
        access=PUBLIC,
        request={"type": "object"},
        request_type="application/x-www-form-urlencoded",
        problems=(TooManyAttempts, 403, 404),
        status=303,
        max_body=LARGEST_FORM,
        **HTML,
    )
    async def on_post(self, req: ServiceRequest, resp: Response) -> None:
        """Answer the way to the status page, or the question again with what is wrong."""
        try:
            fields = await self._frame.form(req)
        except FormRefused:
            refused(self._frame, req, resp, "/status")
            return
        token, password = fields.get("token", ""), fields.get("password", "")[:_LONGEST]
        try:
            confirmed = await self._confirmed(req, token, password)
        except VerificationGone:
            gone(self._frame, req, resp)
        except TooManyAttempts as error:
            too_many(self._frame, req, resp, error, "/status")
        except DomainError as error:
            unable(self._frame, req, resp, error, f"/verify?token={quote(token)}")
        else:
            if isinstance(confirmed, Link):
                self._ask(req, resp, token, confirmed, "This isn't the password of the sign-up.")
                return
            set_cookie(resp, confirmed)
            see(resp, "/status")

    async def _confirmed(self, req: Request, token: str, password: str) -> str | Link:
        """Return the token of the visit, or what the link is about when the password is wrong."""
        try:
            return await self._visitors.confirm(token, token_of(req), password, source_of(req))
        except LoginRefused:
            return await self._link(req, token)

    async def _link(self, req: Request, token: str) -> Link:
        if not token or len(token) > _LONGEST or not is_storable(token):
            raise VerificationGone("there is no such link")
        return await self._visitors.link(token, token_of(req), source_of(req))

    def _ask(
        self, req: Request, resp: Response, token: str, link: Link, fault: str | None = None
    ) -> None:
        facts = {"token": token, "link": link, "fault": fault}
        faults = {"password": fault} if fault else {}
        status = 422 if fault else 200
        self._frame.show(req, resp, "verify.html", status=status, faults=faults, **facts)
