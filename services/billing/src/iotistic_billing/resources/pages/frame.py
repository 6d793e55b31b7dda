"""What all pages share: templates, headers, the browser's cookie, and forms that are its own."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from iotistic_contract.codec import b64u_encode
from iotistic_kit.bodies import is_storable
from iotistic_kit.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon.asgi import Request, Response

    from iotistic_kit.bodies import ServiceRequest

__all__ = ["COOKIE", "HTML", "LARGEST_FORM", "FormRefused", "Frame", "Said"]

COOKIE = "__Host-iotistic-visit"
COOKIE_LIFE = 3 * 24 * 3600
LARGEST_FORM = 16 * 1024
HTML: dict[str, Any] = {"response": {"type": "string"}, "response_type": "text/html"}
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS, _LONGEST_TOKEN = 20, 200
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class FormRefused(Problem):
    """A form that didn't come from this browser's own page."""

    def __init__(self, detail: str) -> None:
        super().__init__(403, "forbidden", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A page that only says something, and where to go from it."""

    heading: str
    words: str
    back: str
    label: str


class Frame:
    """Shows pages, and reads forms that came from them.

    A form is taken when its Origin is this service's, and its token belongs to the cookie that the
    browser holds (double submit; the token is the cookie's HMAC, so that nobody can plant a pair).
    """

    def __init__(
        self,
        *,
        public_url: str,
        key: bytes,
        new_token: Callable[[], str],
        assets: Mapping[str, str],
    ) -> None:
        self._origin = _origin(public_url)
        self._key = key
        self._new_token = new_token
        self._pages = Environment(
            loader=PackageLoader("iotistic_billing"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._pages.globals["assets"] = dict(assets)

    def show(
        self, req: Request, resp: Response, page: str, *, status: int = 200, **facts: Any
    ) -> None:
        """Answer a page; its forms are bound to the browser's cookie, which is set if need be."""
        cookie = token_of(req)
        if not cookie:
            cookie = self._new_token()
            set_cookie(resp, cookie)
        csrf = self._csrf(cookie)
        resp.status = status
        resp.content_type = "text/html; charset=utf-8"
        resp.text = self._pages.get_template(page).render(csrf=csrf, **facts)
        for name, value in _HEADERS.items():
            resp.set_header(name, value)

    def tell(self, req: Request, resp: Response, status: int, said: Said) -> None:
        """Answer a page that only says something."""
        self.show(req, resp, "message.html", status=status, said=said)

    async def form(self, req: ServiceRequest) -> dict[str, str]:
        """Return the fields of a form, each once; FormRefused for one that isn't our page's."""
        if req.get_header("Origin") != (self._origin or f"{req.scheme}://{req.netloc}"):
            raise FormRefused("the form came from another place")
        if (req.content_type or "").partition(";")[0].strip().lower() != _FORM:
            raise Problem(415, "encoding", f"the body must be {_FORM}")
        fields = _fields(await req.plain_body())
        given, cookie = fields.pop("csrf", ""), token_of(req)
        if not cookie or not hmac.compare_digest(self._csrf(cookie).encode(), given.encode()):
            raise FormRefused("the form isn't this browser's")
        return fields

    def _csrf(self, cookie: str) -> str:
        return b64u_encode(hmac.digest(self._key, b"form\0" + cookie.encode(), "sha256"))


def token_of(req: Request) -> str:
    """Return the browser's cookie, empty without one that could be ours."""
    values = req.get_cookie_values(COOKIE) or []
    cookie = values[0] if len(values) == 1 else ""
    return cookie if len(cookie) <= _LONGEST_TOKEN and is_storable(cookie) else ""


def set_cookie(resp: Response, token: str) -> None:
    """Give the browser its cookie: for this host alone, over TLS, out of scripts' reach."""
    resp.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_LIFE,
        path="/",
        secure=True,
        http_only=True,
        same_site="Lax",
    )


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Problem(400, "malformed", "the form can't be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or not all(is_storable(value) for value in fields.values()):
        raise Problem(422, "invalid", "a field comes twice, or holds what isn't text")
    return fields


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
