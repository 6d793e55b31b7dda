"""Style, script and icon: small files that a browser keeps until they change."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

import falcon

from iotistic_kit.auth import PUBLIC
from iotistic_kit.operation import operation

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

__all__ = ["Assets"]

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_NAMES = {"style": "billing.css", "script": "status.js", "icon": "icon.svg"}


class Assets:
    """The files; ``urls`` are by what they are, and change with what is in them."""

    def __init__(self) -> None:
        folder = files("iotistic_billing").joinpath("static")
        self._files = {
            name: folder.joinpath(name).read_text(encoding="utf-8") for name in _NAMES.values()
        }
        self.urls = {kind: f"/assets/{name}?{self._hash(name)}" for kind, name in _NAMES.items()}

    @operation(
        "A file of the pages",
        access=PUBLIC,
        response={"type": "string"},
        response_type="text/css",
        problems=(404,),
    )
    async def on_get(self, _req: Request, resp: Response, name: str) -> None:
        """Answer the file."""
        if name not in self._files:
            raise falcon.HTTPNotFound
        resp.content_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
        resp.text = self._files[name]
        resp.set_header("Cache-Control", "public, max-age=86400")
        resp.set_header("X-Content-Type-Options", "nosniff")

    def _hash(self, name: str) -> str:
        return hashlib.sha256(self._files[name].encode()).hexdigest()[:12]
