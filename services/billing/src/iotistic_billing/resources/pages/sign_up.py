"""``/sign-up``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import ValidationError

from iotistic_billing.domain.errors import TooManyAttempts
from iotistic_billing.resources.pages.frame import HTML, LARGEST_FORM, FormRefused, set_cookie
from iotistic_billing.resources.pages.replies import refused, see, too_many, unable
from iotistic_billing.resources.source import source_of
from iotistic_billing.schemas.bodies import SignUpBody
from iotistic_billing.usecases.accounts import SignUpForm
from iotistic_kit.auth import PUBLIC
from iotistic_kit.errors import DomainError
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from falcon.asgi import Request, Response

    from iotistic_billing.resources.pages.frame import Frame
    from iotistic_billing.usecases.visitors import Visitors
    from iotistic_kit.bodies import ServiceRequest
    from iotistic_kit.clock import Clock

__all__ = ["SignUpPage", "rest_of_tick"]

# An answer takes a whole number of these seconds: its time doesn't tell known addresses from new.
TICK = 0.4
_TYPED = ("company_name", "full_name", "email")
_FAULTS = {
    "company_name": "Enter a name of at most 200 characters.",
    "full_name": "Enter a name of at most 200 characters.",
    "email": "Enter an address such as name@company.example.",
    "password": "Use 12 to 200 characters.",
}


class SignUpPage:
    """The form, and what becomes of it."""

    def __init__(
        self,
        frame: Frame,
        visitors: Visitors,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._frame = frame
        self._visitors = visitors
        self._clock = clock
        self._sleep = sleep

    @operation("The form to sign up", access=PUBLIC, **HTML)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the empty form."""
        self._show(req, resp, {}, {})

    @operation(
        "Sign up by the form",
        access=PUBLIC,
        request={"type": "object"},
        request_type="application/x-www-form-urlencoded",
        problems=(TooManyAttempts, 403),
        status=303,
        max_body=LARGEST_FORM,
        **HTML,
    )
    async def on_post(self, req: ServiceRequest, resp: Response) -> None:
        """Answer the way to the status page, alike for known and new addresses, or the faults."""
        try:
            typed = await self._frame.form(req)
            body = SignUpBody.model_validate(typed)
        except FormRefused:
            refused(self._frame, req, resp, "/sign-up")
            return
        except ValidationError as error:
            self._show(req, resp, typed, _faults(error), status=422)
            return
        form = SignUpForm(
            email=body.email,
            password=body.password.get_secret_value(),
            company_name=body.company_name,
            full_name=body.full_name,
            source=source_of(req),
        )
        begun = self._clock.steady()
        try:
            token = await self._visitors.sign_up(form)
        except TooManyAttempts as error:
            too_many(self._frame, req, resp, error, "/sign-up")
            return
        except DomainError as error:
            unable(self._frame, req, resp, error, "/sign-up")
            return
        await self._sleep(rest_of_tick(self._clock.steady() - begun))
        set_cookie(resp, token)
        see(resp, "/status")

    def _show(
        self,
        req: Request,
        resp: Response,
        typed: dict[str, str],
        faults: dict[str, str],
        status: int = 200,
    ) -> None:
        kept = {name: typed.get(name, "")[:254] for name in _TYPED}
        self._frame.show(req, resp, "sign_up.html", status=status, typed=kept, faults=faults)


def rest_of_tick(elapsed: float) -> float:
    """Return the seconds until a whole number of ticks is over."""
    return TICK - elapsed % TICK


def _faults(error: ValidationError) -> dict[str, str]:
    found = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    return {name: words for name, words in _FAULTS.items() if name in found}
