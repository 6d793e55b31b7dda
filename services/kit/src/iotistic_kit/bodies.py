"""Bodies as the wire's rules have them: gzip or plain, bounded in size and time, strict JSON."""

import asyncio
import zlib
from typing import Any, TypeVar

import falcon
from falcon.asgi import Request
from falcon.media import BaseHandler
from pydantic import BaseModel

from iotistic_contract.codec import parse_json
from iotistic_contract.errors import MalformedJson

from .errors import Problem
from .json_text import dump_json

__all__ = [
    "BODY_SECONDS",
    "MAX_COMPRESSED",
    "MAX_PLAIN",
    "JsonHandler",
    "ServiceRequest",
    "read_body",
    "read_query",
]

BODY_SECONDS = 60.0
MAX_COMPRESSED = 1024 * 1024
MAX_PLAIN = 16 * 1024 * 1024
Model = TypeVar("Model", bound=BaseModel)


class ServiceRequest(Request):
    """A request whose body is unpacked, bounded and read at most once."""

    __slots__ = ("_plain",)

    async def plain_body(self) -> bytes:
        """Return the whole body, unpacked.

        408 when it takes too long to come, 413 when it is too large, 415 for other encodings.
        """
        plain: bytes | None = getattr(self, "_plain", None)
        if plain is None:
            plain = self._plain = await self._read_plain()
        return plain

    async def get_media(self, default_when_empty: Any = None) -> Any:
        """Return the JSON value of the body; 400 when it is malformed, 415 when not JSON."""
        content_type = (self.content_type or falcon.MEDIA_JSON).partition(";")[0].strip().lower()
        if content_type != falcon.MEDIA_JSON and not content_type.endswith("+json"):
            raise Problem(415, "encoding", "the body must be application/json")
        text = await self.plain_body()
        if not text and default_when_empty is not None:
            return default_when_empty
        return parse_json(text)

    async def _read_plain(self) -> bytes:
        limit: int = getattr(self.context, "max_body", None) or MAX_PLAIN
        encoding = (self.get_header("Content-Encoding") or "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            raise Problem(415, "encoding", "Content-Encoding must be gzip or absent")
        packed = encoding == "gzip"
        sent = await self._read_sent(min(limit, MAX_COMPRESSED) if packed else limit)
        return unpack(sent, limit) if packed else sent

    async def _read_sent(self, limit: int) -> bytes:
        if (self.content_length or 0) > limit:
            raise _too_large(limit)
        seconds: float = getattr(self.context, "body_seconds", None) or BODY_SECONDS
        sent = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for chunk in self.stream:
                    sent += chunk
                    if len(sent) > limit:
                        raise _too_large(limit)
        except TimeoutError:
            raise _too_slow(seconds) from None
        return bytes(sent)


class JsonHandler(BaseHandler):
    """Falcon's handler for JSON, with the contract's reader."""

    def serialize(self, media: object, content_type: str) -> bytes:  # noqa: ARG002 -- Falcon's
        """Return ``media`` as compact UTF-8 JSON."""
        return dump_json(media)

    async def serialize_async(self, media: object, content_type: str) -> bytes:
        """Return ``media`` as compact UTF-8 JSON."""
        return self.serialize(media, content_type)

    async def deserialize_async(
        self,
        stream: Any,
        content_type: str | None,  # noqa: ARG002 -- Falcon's
        content_length: int | None,  # noqa: ARG002 -- Falcon's
    ) -> Any:
        """Return the JSON value in ``stream``."""
        return parse_json(await stream.read())


def unpack(packed: bytes, limit: int) -> bytes:
    """Return what gzip packed, of one member or several, at most ``limit`` bytes of it."""
    plain = bytearray()
    while True:
        reader = zlib.decompressobj(wbits=31)
        try:
            plain += reader.decompress(packed, limit - len(plain) + 1)
        except zlib.error:
            raise MalformedJson("the body isn't gzip") from None
        if len(plain) > limit:
            raise _too_large(limit)
        if not reader.eof:
            raise MalformedJson("the gzip body ends early")
        packed = reader.unused_data
        if not packed:
            return bytes(plain)


async def read_body(req: Request, model: type[Model]) -> Model:
    """Return the body as ``model``; 400 when it isn't JSON, 422 with pointers when it is wrong."""
    return model.model_validate(await req.get_media())


def read_query(req: Request, model: type[Model]) -> Model:
    """Return the query's parameters as ``model``; 422 for an unknown or wrong one."""
    faults = [
        {"pointer": f"/{name}", "detail": "NUL or broken text"}
        for name, value in req.params.items()
        if not is_storable("".join(value))
    ]
    if faults:
        raise Problem(422, "invalid", "the query breaks a rule", errors=faults)
    return model.model_validate(dict(req.params))


def is_storable(text: str) -> bool:
    """Tell whether a database can hold ``text``: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _too_slow(seconds: float) -> Problem:
    # The rest of the body may still come: nothing else can be said on this connection.
    headers = {"Connection": "close"}
    return Problem(408, "too_slow", f"the body took over {seconds:g} s to come", headers=headers)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"the body is over {limit} bytes", limit=limit)
