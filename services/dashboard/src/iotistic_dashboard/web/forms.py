"""What guards every unsafe method: where it comes from, the session's token, a bounded form."""

import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from falcon.asgi import Request, Response

from iotistic_dashboard.sessions.vault import Vault
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_kit.bodies import ServiceRequest, is_storable
from iotistic_kit.errors import Problem

__all__ = ["Form", "FormGuard", "form_of"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOST = 64 * 1024
_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; the last of a name counts."""

    fields: dict[str, str]

    def text(self, name: str, *, most: int = 500) -> str:
        """Return a field without white space around it, '' when it is absent."""
        return self.fields.get(name, "").strip()[:most]

    def whole(self, name: str, *, most: int = 500) -> str:
        """Return a field as ``text`` does; Problem 422 instead of cutting it."""
        text = self.fields.get(name, "").strip()
        if len(text) > most:
            raise Problem(422, "invalid", f"What is typed as {name} is too long.")
        return text

    def raw(self, name: str) -> str:
        """Return a field as it was typed, such as a password."""
        return self.fields.get(name, "")

    def ticked(self, name: str) -> bool:
        """Tell whether a box is ticked."""
        return name in self.fields


class FormGuard:
    """Middleware: an unsafe request from elsewhere, or without the session's token, ends here."""

    def __init__(self, cookie: SessionCookie, vault: Vault, public_url: str) -> None:
        self._cookie = cookie
        self._vault = vault
        self._origin = public_url.rstrip("/").lower()

    async def process_resource(
        self, req: ServiceRequest, _resp: Response, _resource: object, _params: dict[str, Any]
    ) -> None:
        """Read and check the form of an unsafe request."""
        if req.method in SAFE:
            return
        self._check_origin(req)
        form = await _form(req)
        cookie = self._cookie.read(req)
        given = form.fields.get("csrf", "").encode()
        if cookie is None or not hmac.compare_digest(self._vault.csrf(cookie).encode(), given):
            raise Problem(403, "forbidden", "This form is from another session, or from long ago.")
        req.context.form = form

    def _check_origin(self, req: Request) -> None:
        origin = req.get_header("Origin")
        if origin is None:
            same = req.get_header("Sec-Fetch-Site") == "same-origin"
        else:
            ours = self._origin or f"https://{req.get_header('Host') or ''}".lower()
            same = origin.lower() == ours
        if not same:
            raise Problem(403, "forbidden", "This form was sent from another site.")


def form_of(req: Request) -> Form:
    """Return the form that the guard let in."""
    form: Form = req.context.form
    return form


async def _form(req: ServiceRequest) -> Form:
    if (req.content_type or "").partition(";")[0].strip().lower() != _TYPE:
        raise Problem(415, "encoding", "A form is expected.")
    req.context.max_body = getattr(req.context, "max_body", None) or MOST
    try:
        text = (await req.plain_body()).decode()
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100, errors="strict"))
    except ValueError:
        raise Problem(400, "malformed", "The form can't be read.") from None
    if not all(map(is_storable, fields.values())):
        raise Problem(422, "invalid", "The form holds a character that can't be stored.")
    return Form(fields)
