"""``/status``: how far the visitor's tenant is. It shows what its cookie's sign-up made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import TooManyAttempts
from iotistic_billing.resources.pages.frame import HTML, LARGEST_FORM, FormRefused, token_of
from iotistic_billing.resources.pages.replies import refused, see, too_many
from iotistic_billing.resources.source import source_of
from iotistic_kit.auth import PUBLIC
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.resources.pages.frame import Frame
    from iotistic_billing.usecases.visitors import Visitors
    from iotistic_kit.bodies import ServiceRequest

__all__ = ["StatusPage"]

_AGAIN = "If the last mail is over a minute old, another one is on its way. The newest link counts."


class StatusPage:
    """Progress; the page looks again by itself, with or without its script."""

    def __init__(self, frame: Frame, visitors: Visitors) -> None:
        self._frame = frame
        self._visitors = visitors

    @operation("How far a sign-up is", access=PUBLIC, problems=(303,), **HTML)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the progress, or the way to the form for a browser that hasn't signed up."""
        shown = await self._visitors.shown(token_of(req))
        if shown is None:
            see(resp, "/sign-up")
            return
        told = _AGAIN if req.get_param("again") else ""
        self._frame.show(req, resp, "status.html", shown=shown, told=told)

    @operation(
        "Send the mail again",
        access=PUBLIC,
        request={"type": "object"},
        request_type="application/x-www-form-urlencoded",
        problems=(TooManyAttempts, 403),
        status=303,
        max_body=LARGEST_FORM,
        **HTML,
    )
    async def on_post(self, req: ServiceRequest, resp: Response) -> None:
        """Answer the way back to the progress, alike for known and new addresses."""
        try:
            await self._frame.form(req)
            await self._visitors.mail_again(token_of(req), source_of(req))
        except FormRefused:
            refused(self._frame, req, resp, "/status")
        except TooManyAttempts as error:
            too_many(self._frame, req, resp, error, "/status")
        else:
            see(resp, "/status?again=1")
