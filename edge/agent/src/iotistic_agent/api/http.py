"""HTTP/1.1 as far as the local API needs it: one small request and one answer a connection.

A framework would cost more memory than the whole rest of the API (RFC 9112, RFC 9457).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from iotistic_contract.problems import Code, status_of

__all__ = ["MAX_BODY", "MAX_HEAD", "Answer", "Problem", "Request", "Stream", "Text", "read_request"]

MAX_HEAD = 8192
MAX_BODY = 64 * 1024
_MOST_FIELDS = 16
_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_ONCE = frozenset({"host", "content-length", "authorization"})


class Problem(Exception):  # noqa: N818 -- RFC 9457's word
    """A refusal; ``pointer`` names the part of the body that it is about."""

    def __init__(self, code: Code, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer

    def answer(self) -> "Answer":
        """Return the problem document."""
        status = status_of(self.code)
        body: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": str(self.code),
            "detail": self.detail,
        }
        if self.pointer is not None:
            body["errors"] = [{"pointer": self.pointer, "detail": self.detail}]
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return Answer(body, status, "application/problem+json", headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; header names are lower-case, the path's parts are decoded."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer; ``after`` is called once it is sent."""

    body: object
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: Callable[[], None] | None = None

    def head_and_content(self) -> tuple[bytes, bytes]:
        """Return what goes over the wire."""
        content = json.dumps(self.body, ensure_ascii=False).encode()
        length = {"Content-Length": str(len(content))}
        return _head(self.status, self.media_type, {**length, **self.headers}), content


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that isn't JSON."""

    text: str
    media_type: str
    status: int = 200

    def head_and_content(self) -> tuple[bytes, bytes]:
        """Return what goes over the wire."""
        content = self.text.encode()
        return _head(self.status, self.media_type, {"Content-Length": str(len(content))}), content


@dataclass(frozen=True, slots=True)
class Stream:
    """Objects, a line each (NDJSON), until there are no more or the reader has gone."""

    lines: AsyncIterator[Mapping[str, object]]

    def head(self) -> bytes:
        """Return the head; the end of the connection is the end of the content."""
        return _head(200, "application/x-ndjson", {})


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the request, None when the client went away before it; Problem when it is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as exc:
        if not exc.partial:
            return None
        raise Problem(Code.MALFORMED, "a request without an end") from None
    except asyncio.LimitOverrunError:
        raise Problem(Code.TOO_LARGE, f"a head above {MAX_HEAD} bytes") from None
    first, *rest = head[:-4].split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise Problem(Code.MALFORMED, "not a request of HTTP/1.1")
    headers = _headers(rest)
    path, _, query = line[2].decode("ascii").partition("?")
    return Request(
        method=line[1].decode("ascii"),
        parts=tuple(unquote(part) for part in path.split("/")[1:]),
        query=_query(query),
        headers=headers,
        body=await _body(reader, headers),
    )


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Problem(Code.MALFORMED, f"a query of more than {_MOST_FIELDS} fields") from None


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for each in lines:
        found = _HEADER.fullmatch(each)
        if found is None:
            raise Problem(Code.MALFORMED, "a header that isn't one")
        name = found[1].decode("ascii").lower()
        if name in _ONCE and name in headers:
            raise Problem(Code.MALFORMED, f"the header {name} stands twice")
        headers[name] = found[2].decode("latin-1").strip()
    return headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise Problem(Code.ENCODING, "a body needs Content-Length")
    text = headers.get("content-length", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem(Code.MALFORMED, "Content-Length isn't a length")
    if int(text) > MAX_BODY:
        raise Problem(Code.TOO_LARGE, f"a body above {MAX_BODY} bytes")
    try:
        return await reader.readexactly(int(text))
    except asyncio.IncompleteReadError:
        raise Problem(Code.MALFORMED, "a body shorter than its Content-Length") from None


def _head(status: int, media_type: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    every = {
        "Content-Type": media_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }
    lines += [f"{name}: {text}" for name, text in {**every, **headers}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
