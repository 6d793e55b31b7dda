# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTPS to billing and to tenants; each failure is one line that says what to do."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit

from ansible.module_utils.urls import open_url

__all__ = ["Answer", "ApiError", "Client", "facts", "quoted"]

PAUSE = 0.5
AGENT = "iotistic.platform (Ansible collection)"


class ApiError(Exception):
    """A call that failed.

    ``status`` is None when no answer came; ``problem`` is the answer's problem+json, or empty.
    """

    def __init__(
        self, message: str, *, status: int | None = None, problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem or {}


@dataclass(frozen=True)
class Answer:
    """A successful answer: its status, and its JSON or text."""

    status: int
    body: Any = None


@dataclass(frozen=True)
class Client:
    """One server: where it is, who asks, whom to trust.

    ``who`` names the server in messages, ``option`` the module's option that holds its address.
    """

    url: str
    who: str
    option: str
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout: int = 30

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.netloc:
            raise ApiError(f"{self.option}: not an https address: {self.url!r}")

    def get(self, path: str, query: dict[str, Any] | None = None) -> Answer:
        """Return what is at ``path``."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def get_until(self, path: str, deadline: float) -> Answer:
        """Return what is at ``path``; ask again while the server is away, until the deadline."""
        while True:
            try:
                return self.get(path)
            except ApiError as error:
                away = error.status is None or error.status >= 500
                if not away or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)

    def items(self, path: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return all entries of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = {**(query or {}), **({"after": cursor} if cursor else {})}
            body = self.get(path, page).body
            found.extend(body["items"])
            cursor = body.get("next")
            if not cursor:
                return found

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and return its answer; raise ApiError for anything but 2xx."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = open_url(
                self.url.rstrip("/") + path,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=self.timeout,
                ca_path=self.ca_file,
                http_agent=AGENT,
                follow_redirects="none",
                use_proxy=False,
            )
            return _answer(response)
        except HTTPError as error:
            raise self._refused(method, path, error) from error
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise self._unreached(error) from error

    def _refused(self, method: str, path: str, error: HTTPError) -> ApiError:
        problem = _problem(error)
        said = _said(problem) or error.reason
        return ApiError(
            f"{self.who} answered {error.code} to {method} {path.partition('?')[0]}: {said}"
            + self._hint(error.code),
            status=error.code,
            problem=problem,
        )

    def _hint(self, status: int) -> str:
        if status == 401:
            return f" (is the token that goes with {self.option} the current one?)"
        if status == 503:
            return f" (see {self.url.rstrip('/')}/health/ready and the log of {self.who})"
        return ""

    def _unreached(self, error: Exception) -> ApiError:
        reason = getattr(error, "reason", error)
        at = f"{self.who} can't be reached at {self.url}"
        if isinstance(reason, ssl.SSLCertVerificationError):
            trusted = self.ca_file or "the system's certificates"
            return ApiError(
                f"{at}: its certificate isn't trusted ({reason.verify_message}). "
                f"Trusted is {trusted}: check ca_file."
            )
        if isinstance(reason, ConnectionRefusedError):
            return ApiError(
                f"{at}: connection refused. Check that {self.who} is running there, "
                f"see its log, and that {self.option} is right."
            )
        if isinstance(reason, TimeoutError):
            return ApiError(f"{at}: no answer within {self.timeout} s. See the log of {self.who}.")
        return ApiError(f"{at}: {reason}. Check {self.option}.")


def quoted(text: str) -> str:
    """Return a value as one segment of a path."""
    return quote(text, safe="")


def facts(error: Exception) -> dict[str, Any]:
    """Return what a failed task shows beside its message."""
    if isinstance(error, ApiError):
        return {"status": error.status, "problem": error.problem}
    return {}


def _answer(response: Any) -> Answer:
    text = response.read()
    kind = response.headers.get("Content-Type", "")
    return Answer(
        status=response.status,
        body=json.loads(text) if text and "json" in kind else text.decode(errors="replace"),
    )


def _problem(error: HTTPError) -> dict[str, Any]:
    try:
        document = json.loads(error.read())
    except (ValueError, OSError):
        return {}
    return document if isinstance(document, dict) else {}


def _said(problem: dict[str, Any]) -> str:
    words = problem.get("detail") or problem.get("title") or ""
    code = problem.get("code")
    places = [
        f"{entry.get('pointer', '')}: {entry.get('detail', '')}"
        for entry in problem.get("errors") or []
        if isinstance(entry, dict)
    ]
    return "; ".join([f"{words} ({code})" if code else words, *places]).strip("; ")
