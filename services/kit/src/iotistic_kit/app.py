"""The application of a service: routes that are documented and guarded, or it doesn't start."""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import falcon
import falcon.asgi
import falcon.media
import structlog
from falcon.asgi import Request, Response
from falcon.routing import map_http_methods

from . import problems
from .auth import ANONYMOUS, Access, Authenticator, Principal, authenticate
from .bodies import JsonHandler, ServiceRequest, is_storable
from .errors import KitError, Problem
from .operation import Operation, operation_of

__all__ = ["Route", "ServiceApp", "UnguardedRouteError", "principal_of"]

_log = structlog.get_logger("iotistic_kit.app")
_GUARDED_PARAMETER = "uuid"


class UnguardedRouteError(KitError):
    """A responder has no ``@operation``: nobody said whom it lets in."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    path: str
    method: str
    operation: Operation


class ServiceApp(falcon.asgi.App[ServiceRequest, Response]):
    """A Falcon application that denies by default and answers problem+json.

    ``add_route`` raises ``UnguardedRouteError`` for a responder without ``@operation``. Unknown
    routes and wrong methods answer before authentication, below ``{uuid}`` after it.
    """

    def __init__(
        self,
        *,
        authenticators: Sequence[Authenticator] = (),
        middleware: Iterable[object] = (),
    ) -> None:
        self._operations: dict[tuple[str, str], Operation] = {}
        self._authenticate = authenticate(tuple(authenticators))
        super().__init__(
            request_type=ServiceRequest,
            middleware=[_RequestLog(), _Guard(self), *middleware],  # type: ignore[list-item]
        )
        handlers = falcon.media.Handlers({falcon.MEDIA_JSON: JsonHandler()})
        self.req_options.media_handlers = handlers
        self.resp_options.media_handlers = handlers
        self.req_options.strip_url_path_trailing_slash = False
        problems.install(self)

    async def __call__(  # type: ignore[override] # as Falcon itself has it
        self, scope: Any, receive: Any, send: Any
    ) -> None:
        """Judge a request at once: Falcon itself would first wait for a piece of its body."""
        if scope["type"] == "http":
            receive = _begun(receive)
        await super().__call__(scope, receive, send)

    def add_route(self, uri_template: str, resource: object, **kwargs: Any) -> None:
        """Add ``resource`` at ``uri_template``; each of its responders must be documented."""
        suffix = kwargs.get("suffix")
        for method, responder in map_http_methods(resource, suffix=suffix).items():
            told = operation_of(responder)
            if told is None:
                name = getattr(responder, "__qualname__", method)
                raise UnguardedRouteError(f"{name} at {uri_template} has no @operation")
            name = told.name or _name(type(resource).__name__, method, suffix)
            tag = told.tag or type(resource).__name__
            self._operations[uri_template, method] = replace(told, name=name, tag=tag)
        super().add_route(uri_template, resource, **kwargs)

    def routes(self) -> Iterator[Route]:
        """Yield every route, in the order it was added."""
        for (path, method), told in self._operations.items():
            yield Route(path, method, told)

    def operation_at(self, path: str, method: str) -> Operation | None:
        """Return what is documented for ``method`` of the template ``path``."""
        return self._operations.get((path, method))

    def methods_at(self, path: str) -> list[str]:
        """Return the methods that the template ``path`` takes."""
        return [method for known, method in self._operations if known == path]

    async def identify(self, req: Request) -> Principal:
        """Return who calls, ANONYMOUS without a credential; Problem 401 for a bad one."""
        principal: Principal | None = getattr(req.context, "principal", None)
        if principal is None:
            principal = req.context.principal = await self._authenticate(req)
        return principal

    async def admit(self, req: Request, access: Access, params: Mapping[str, Any]) -> Principal:
        """Return the caller when ``access`` lets it in; for sinks, which no guard comes before."""
        principal = await self.identify(req)
        access.check(principal, {name: str(value) for name, value in params.items()})
        return principal


class _Guard:
    """Before each responder: the caller is known and may, or the request ends here."""

    def __init__(self, app: ServiceApp) -> None:
        self._app = app

    async def process_request(self, req: Request, _resp: Response) -> None:
        if not is_storable(req.path):
            raise falcon.HTTPNotFound

    async def process_resource(
        self, req: Request, _resp: Response, _resource: object, params: dict[str, Any]
    ) -> None:
        path = req.uri_template or ""
        told = self._app.operation_at(path, req.method)
        if told is None:
            await self._refuse_method(req, path)
            return
        req.context.max_body = told.max_body
        req.context.body_seconds = told.body_seconds
        if told.access.public:
            req.context.principal = ANONYMOUS
            return
        await self._app.admit(req, told.access, params)

    async def _refuse_method(self, req: Request, path: str) -> None:
        principal = ANONYMOUS
        if f"{{{_GUARDED_PARAMETER}" in path:
            principal = await self._app.identify(req)
            if principal is ANONYMOUS:
                Access().check(principal, {})
        raise falcon.HTTPMethodNotAllowed(self._app.methods_at(path))


class _RequestLog:
    """One event a request: never its query, never a credential."""

    async def process_request(self, req: Request, _resp: Response) -> None:
        req.context.begun = time.perf_counter()

    async def process_response(
        self,
        req: Request,
        resp: Response,
        _resource: object,
        _succeeded: bool,  # noqa: FBT001
    ) -> None:
        quiet = resp.status_code < 400 and req.method in {"GET", "HEAD"}
        principal: Principal = getattr(req.context, "principal", ANONYMOUS)
        (_log.debug if quiet else _log.info)(
            "request_answered",
            method=req.method,
            path=req.path,
            status=resp.status_code,
            code=getattr(req.context, "problem", None),
            principal=f"{principal.kind}:{principal.id}" if principal.id else principal.kind,
            milliseconds=round((time.perf_counter() - req.context.begun) * 1000, 1),
        )


def principal_of(req: Request) -> Principal:
    """Return whom the guard let in."""
    principal: Principal | None = getattr(req.context, "principal", None)
    if principal is None:
        raise Problem(401, "unauthorized", "nobody was authenticated")
    return principal


def _begun(receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Return ``receive`` with an empty piece of body before all others."""
    told = False

    async def events() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": True}

    return events


def _name(resource: str, method: str, suffix: str | None) -> str:
    return "_".join(part for part in (method.lower(), resource, suffix) if part)
