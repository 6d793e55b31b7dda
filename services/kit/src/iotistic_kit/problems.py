"""Every failure of a request becomes problem+json (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import falcon
import falcon.asgi
import psycopg
import psycopg_pool
import structlog
from falcon.asgi import Request, Response
from pydantic import ValidationError

from iotistic_contract.errors import ContractError, MalformedJson

from .errors import DomainError, Problem

__all__ = ["DomainError", "Problem", "answer", "document", "install", "of_validation"]

CODES: Mapping[int, str] = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    402: "payment_required",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "encoding",
    422: "invalid",
    428: "precondition_required",
    429: "too_many_attempts",
    503: "unavailable",
}
MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger("iotistic_kit.problems")


def install(app: "falcon.asgi.App[Any, Response]") -> None:
    """Make ``app`` answer every failure as problem+json, unexpected ones without details."""
    handlers: Mapping[type[Exception], Any] = {
        Exception: _unexpected,
        falcon.HTTPError: _http_error,
        psycopg.OperationalError: _unavailable,
        psycopg_pool.PoolTimeout: _unavailable,
        psycopg_pool.TooManyRequests: _unavailable,
        MalformedJson: _malformed,
        ContractError: _contract_error,
        ValidationError: _validation_error,
        Problem: _problem,
    }
    for kind, handler in handlers.items():
        app.add_error_handler(kind, handler)


def document(problem: Problem, instance: str) -> dict[str, object]:
    """Return the JSON object that a client gets for ``problem`` at the path ``instance``."""
    body: dict[str, object] = {
        "type": f"urn:iotistic:problem:{problem.code}",
        "title": _title(problem.status),
        "status": problem.status,
        "code": problem.code,
        "instance": instance,
    }
    if problem.detail:
        body["detail"] = problem.detail
    if problem.errors:
        body["errors"] = [dict(error) for error in problem.errors]
    return body | problem.members


def of_validation(exc: ValidationError) -> Problem:
    """Return the 422 for a body or query that pydantic refused, a pointer for each fault."""
    faults = [
        {"pointer": "".join(f"/{_escape(part)}" for part in error["loc"]), "detail": error["msg"]}
        for error in exc.errors(include_input=False, include_url=False, include_context=False)
    ]
    return Problem(422, "invalid", "the input breaks a rule", errors=faults)


def answer(req: Request, resp: Response, problem: Problem) -> None:
    """Make ``resp`` say ``problem``; for a service's own error handlers."""
    resp.status = problem.status
    resp.content_type = MEDIA_TYPE
    resp.data = json.dumps(document(problem, req.path), ensure_ascii=True).encode()
    for name, value in problem.headers.items():
        resp.set_header(name, value)
    resp.set_header("Cache-Control", "no-store")
    req.context.problem = problem.code


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


async def _problem(req: Request, resp: Response, exc: Problem, _params: object) -> None:
    answer(req, resp, exc)


async def _malformed(req: Request, resp: Response, exc: MalformedJson, _params: object) -> None:
    answer(req, resp, Problem(400, "malformed", str(exc)))


async def _contract_error(
    req: Request, resp: Response, exc: ContractError, _params: object
) -> None:
    fault = {"pointer": exc.pointer, "detail": exc.detail}
    answer(req, resp, Problem(422, "invalid", str(exc), errors=[fault]))


async def _validation_error(
    req: Request, resp: Response, exc: ValidationError, _params: object
) -> None:
    answer(req, resp, of_validation(exc))


async def _http_error(req: Request, resp: Response, exc: falcon.HTTPError, _params: object) -> None:
    code = CODES.get(exc.status_code, "malformed" if exc.status_code < 500 else "internal")
    detail = exc.description or ""
    headers = dict(exc.headers or {})
    answer(req, resp, Problem(exc.status_code, code, detail, headers=headers))


async def _unavailable(req: Request, resp: Response, exc: Exception, _params: object) -> None:
    _log.warning("database_unavailable", error=type(exc).__name__)
    headers = {"Retry-After": "2"}
    answer(req, resp, Problem(503, "unavailable", "the database is away", headers=headers))


async def _unexpected(req: Request, resp: Response, exc: Exception, _params: object) -> None:
    _log.error("request_failed", path=req.uri_template or req.path, exc_info=exc)
    answer(req, resp, Problem(500, "internal", "an unexpected fault; it is in the log"))
