"""Failures as pages: signed out, refused, wrong, away."""

from typing import Any
from urllib.parse import urlencode

import structlog
from falcon import HTTPError
from falcon.asgi import App, Request, Response
from pydantic import ValidationError

from iotistic_dashboard.api import ApiAway, ApiRefused, NotAPath
from iotistic_dashboard.sessions.desk import SessionEnded
from iotistic_dashboard.web.pages import Pages, redirect
from iotistic_dashboard.web.paths import local_path
from iotistic_kit.errors import Problem

__all__ = ["Faults", "said"]

_log = structlog.get_logger("iotistic_dashboard.faults")
_TITLES = {
    400: "This can't be read",
    402: "The license allows reading only",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This address doesn't take that",
    409: "Something changed meanwhile",
    412: "Something changed meanwhile",
    413: "This is too large",
    429: "Too many attempts",
}


def said(refused: ApiRefused) -> str:
    """Return what people are told about a refusal, with the fields that are wrong."""
    if refused.status == 402:
        return "The license of this tenant allows reading only: see the page License."
    if refused.status == 403 and refused.code == "forbidden":
        return "Your role doesn't allow this. An administrator can change it on the page Users."
    if refused.status == 429:
        wait = f" Try again in {refused.retry_after} s." if refused.retry_after else ""
        return f"That was tried too often.{wait}"
    faults = "; ".join(
        f"{one.get('pointer', '')}: {one.get('detail', '')}" for one in refused.errors
    )
    text = refused.detail or refused.code.replace("_", " ") or "The API refused this."
    return f"{text} ({faults})" if faults and faults not in text else text


class Faults:
    """Error handlers of the application."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def install(self, app: "App[Any, Response]") -> None:
        """Make ``app`` answer failures as pages."""
        app.add_error_handler(Exception, self._unexpected)
        app.add_error_handler(HTTPError, self._http)
        app.add_error_handler(ValidationError, self._babble)
        app.add_error_handler(Problem, self._problem)
        app.add_error_handler(ApiAway, self._away)
        app.add_error_handler(NotAPath, self._nowhere)
        app.add_error_handler(ApiRefused, self._refused)
        app.add_error_handler(SessionEnded, self._ended)

    async def _problem(self, req: Request, resp: Response, exc: Problem, _params: Any) -> None:
        req.context.problem = exc.code
        if exc.status == 401:
            _to_sign_in(req, resp, "")
            return
        for name, value in exc.headers.items():
            resp.set_header(name, value)
        self._show(req, resp, exc.status, exc.detail)

    async def _http(self, req: Request, resp: Response, exc: HTTPError, _params: Any) -> None:
        for name, value in dict(exc.headers or {}).items():
            resp.set_header(name, value)
        self._show(req, resp, exc.status_code, "")

    async def _refused(self, req: Request, resp: Response, exc: ApiRefused, _params: Any) -> None:
        req.context.problem = exc.code
        self._show(req, resp, exc.status, said(exc))

    async def _nowhere(self, req: Request, resp: Response, _exc: NotAPath, _params: Any) -> None:
        self._show(req, resp, 404, "")

    async def _ended(self, req: Request, resp: Response, _exc: SessionEnded, _params: Any) -> None:
        _to_sign_in(req, resp, "ended")

    async def _away(self, req: Request, resp: Response, exc: ApiAway, _params: Any) -> None:
        _log.warning("api_away", error=str(exc))
        self._nothing(req, resp)

    async def _babble(
        self, req: Request, resp: Response, exc: ValidationError, _params: Any
    ) -> None:
        faults = exc.errors(include_input=False, include_url=False, include_context=False)
        _log.error("api_not_understood", path=req.uri_template, faults=faults)
        self._nothing(req, resp)

    def _nothing(self, req: Request, resp: Response) -> None:
        _as_whole(req, resp)
        resp.set_header("Retry-After", "10")
        self._pages.show(req, resp, "away", status=503)

    async def _unexpected(self, req: Request, resp: Response, exc: Exception, _params: Any) -> None:
        _log.error("request_failed", path=req.uri_template or req.path, exc_info=exc)
        self._show(req, resp, 500, "This is a fault of the dashboard; its log says more.")

    def _show(self, req: Request, resp: Response, status: int, detail: str) -> None:
        _as_whole(req, resp)
        title = _TITLES.get(status, "This did not work")
        self._pages.show(req, resp, "fault", status=status, title=title, detail=detail)


def _as_whole(req: Request, resp: Response) -> None:
    """Have a failure be a page of its own, whatever part was asked for."""
    req.context.whole = True
    resp.data = None
    if req.get_header("HX-Request") == "true":
        resp.set_header("HX-Reswap", "none")


def _to_sign_in(req: Request, resp: Response, note: str) -> None:
    came = local_path(req.relative_uri) if req.method == "GET" and "part" not in req.params else "/"
    query = _query(next=came if came != "/" else "", note=note)
    if req.get_header("HX-Request") == "true":
        resp.status = 401
        resp.set_header("HX-Redirect", f"/sign-in{query}")
        return
    redirect(resp, f"/sign-in{query}")


def _query(**fields: str) -> str:
    kept = {name: value for name, value in fields.items() if value}
    return f"?{urlencode(kept)}" if kept else ""
