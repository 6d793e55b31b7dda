"""Calls of the tenant API: JSON or a typed failure."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

__all__ = ["ApiAway", "ApiError", "ApiRefused", "Browser", "NotAPath", "TenantApi", "route"]

_AWAY = frozenset({502, 503, 504})


class ApiError(Exception):
    """Root of what may go wrong at the API."""


class ApiAway(ApiError):  # noqa: N818 -- the state it is in
    """The API doesn't answer, or says that it can't now."""


@dataclass(eq=False)
class ApiRefused(ApiError):  # noqa: N818 -- the API's own word
    """The API said no: its status, its word for why, and what it said to people."""

    status: int
    code: str
    detail: str = ""
    errors: tuple[Mapping[str, str], ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None


class NotAPath(ApiError):  # noqa: N818 -- what it is
    """A name that the API can't have, as it would lead elsewhere."""

    def __init__(self, segments: tuple[str, ...]) -> None:
        super().__init__(f"not a path: {segments}")
        self.segments = segments


@dataclass(frozen=True, slots=True)
class Browser:
    """Whom this dashboard speaks for: the API counts attempts by address and lists sessions."""

    address: str
    agent: str

    def headers(self) -> dict[str, str]:
        """Return what is said about the browser with each call."""
        told = {"X-Forwarded-For": self.address, "User-Agent": self.agent or "unknown"}
        return {name: value.encode("ascii", "replace").decode() for name, value in told.items()}


def route(*segments: str) -> str:
    """Return ``/a/b/c``, each segment quoted; NotAPath for one that would leave its place."""
    if any(segment in {"", ".", ".."} for segment in segments):
        raise NotAPath(segments)
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


class TenantApi:
    """The one API that this dashboard talks to."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(  # noqa: PLR0913 -- what a request is made of
        self,
        method: str,
        path: str,
        *,
        token: str | None,
        browser: Browser,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer's JSON, None when it has none; ApiAway or ApiRefused."""
        sent = {**browser.headers(), **_bearer(token), **(headers or {})}
        params = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
        try:
            answer = await self._client.request(
                method, path, json=body, params=params or None, headers=sent
            )
        except httpx.HTTPError as exc:
            raise ApiAway(type(exc).__name__) from exc
        if answer.is_success:
            return _json(answer) if answer.content else None
        raise _failure(answer)

    @asynccontextmanager
    async def stream(self, token: str, after: str | None) -> AsyncIterator[AsyncIterator[str]]:
        """Give the lines of the API's event stream; ApiAway or ApiRefused when there is none."""
        headers = {"Accept": "text/event-stream", **_bearer(token)}
        if after is not None:
            headers["Last-Event-ID"] = after
        timeout = httpx.Timeout(5, read=40)
        try:
            async with self._client.stream(
                "GET", "/api/v1/stream", headers=headers, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _failure(answer)
                yield answer.aiter_lines()
        except httpx.HTTPError as exc:
            raise ApiAway(type(exc).__name__) from exc


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as exc:
        raise ApiAway("it answers something that isn't JSON") from exc


def _failure(answer: httpx.Response) -> ApiError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if answer.status_code in _AWAY or not isinstance(problem, dict):
        return ApiAway(f"it answers {answer.status_code}")
    after = answer.headers.get("Retry-After", "")
    return ApiRefused(
        status=answer.status_code,
        code=str(problem.get("code", "")),
        detail=str(problem.get("detail", "")),
        errors=tuple(problem.get("errors") or ()),
        members=problem,
        retry_after=int(after) if after.isdigit() else None,
    )
