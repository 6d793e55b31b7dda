"""Pages out of templates: everything escaped, every page with the same frame."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from falcon.asgi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.runtime import Context
from markupsafe import Markup

from iotistic_dashboard.domain import marks, words
from iotistic_dashboard.domain.license import license_notice
from iotistic_dashboard.domain.permits import denial
from iotistic_dashboard.sessions.vault import Vault
from iotistic_dashboard.web.assets import Assets
from iotistic_dashboard.web.cookies import SessionCookie, theme_of
from iotistic_kit.clock import Clock
from iotistic_kit.errors import Problem

__all__ = ["HTML", "Pages", "redirect"]

HTML = "text/html; charset=utf-8"
_TIME = '<time datetime="{iso}" title="{full} UTC" data-ago="{ago}">{words}</time>'


class Pages:
    """Renders templates with what every page needs: user, theme, token, notices, words."""

    def __init__(
        self, assets: Assets, vault: Vault, cookie: SessionCookie, tenant: str, clock: Clock
    ) -> None:
        self._vault, self._cookie, self._clock = vault, cookie, clock
        self._tenant = tenant
        self._environment = Environment(
            loader=PackageLoader("iotistic_dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=assets.address, marks=marks, counted=words.counted)
        self._environment.filters.update(
            number=words.number, size=words.size, short_hash=words.short_hash,
            image=words.image, ago=self._ago,
            until=self._until, browser=words.browser,
        )  # fmt: skip
        self._environment.globals["ui"] = self._environment.get_template("_ui.html").module

    def show(
        self, req: Request, resp: Response, name: str, /, *, status: int = 200, **facts: Any
    ) -> None:
        """Answer the page ``name``, or the block of it that ``?part=`` asks for.

        ``facts`` are what its template shows. Its forms need a cookie; see ``greet``.
        """
        template = self._environment.get_template(f"{name}.html")
        part = None if getattr(req.context, "whole", False) else req.get_param("part")
        context = template.new_context(self._frame(req, whole=part is None) | facts)
        resp.text = _rendered(template, context, part)
        resp.status = status
        resp.content_type = HTML

    def greet(self, req: Request, resp: Response) -> None:
        """Give a stranger a cookie, for the forms of the page that is shown next.

        Only where its absence shows that there is none: browsers keep a Lax cookie to themselves
        in requests of other sites, but for a GET that a person follows, and a new one would
        overwrite it.
        """
        if req.method == "GET" and _followed(req) and self._cookie.read(req) is None:
            req.context.new_cookie = self._cookie.renew(resp)

    def _frame(self, req: Request, *, whole: bool) -> dict[str, Any]:
        caller = getattr(req.context, "caller", None)
        person = {} if caller is None else caller.session.person
        shown = caller is not None and whole and req.method == "GET"
        return {
            "me": person,
            "tenant": person.get("customer") or self._tenant,
            "due": license_notice(str(person.get("licenseState") or "")),
            "can": frozenset(person.get("scopes", ())).__contains__,
            "why_not": _why_not(person),
            "csrf": self._csrf(req),
            "theme": theme_of(req),
            "path": req.path,
            "here": req.relative_uri,
            "notices": caller.told() if caller is not None and shown else [],
            "now": self._clock.now(),
        }

    def _csrf(self, req: Request) -> str:
        """Return the token of the browser's cookie, '' without one: its forms are refused."""
        cookie = getattr(req.context, "new_cookie", None) or self._cookie.read(req)
        return "" if cookie is None else self._vault.csrf(cookie)

    def _ago(self, at: object) -> str | Markup:
        return self._time(at, words.ago)

    def _until(self, at: object) -> str | Markup:
        return self._time(at, words.until)

    def _time(self, at: object, say: Callable[[datetime, datetime], str]) -> str | Markup:
        read = words.moment(at)
        if read is None:
            return "never"
        return Markup(_TIME).format(  # noqa: S704 -- a constant, and format escapes
            iso=read.isoformat(),
            full=f"{read:%Y-%m-%d %H:%M:%S}",
            ago=say.__name__,
            words=say(read, self._clock.now()),
        )


def _why_not(person: Mapping[str, Any]) -> Callable[..., str]:
    """Return what tells templates why ``person`` can't write: words, or '' for one who can."""

    def words_of(*scopes: str, closing: bool = False) -> str:
        refused = denial(person, *scopes, closing=closing)
        return "" if refused is None else refused.words

    return words_of


def _followed(req: Request) -> bool:
    """Tell whether the browser sends Lax cookies with a GET: of this site, or as a new page."""
    if req.get_header("Sec-Fetch-Site") != "cross-site":
        return True
    told = (req.get_header("Sec-Fetch-Mode"), req.get_header("Sec-Fetch-Dest"))
    return told == ("navigate", "document")


def _rendered(template: Template, context: Context, part: str | None) -> str:
    """Return the whole page, or one block of it, wherever in the line of templates it is."""
    page = template.root_render_func(context)
    if part is None:
        return "".join(page)
    next(page)  # the outermost template begins: every block is known, every macro defined
    if part not in context.blocks:
        raise Problem(404, "not_found", "There is no such part of this page.")
    return "".join(context.blocks[part][0](context))


def redirect(resp: Response, path: str) -> None:
    """Send the browser to ``path`` of this site by GET."""
    resp.status = 303
    resp.location = path
