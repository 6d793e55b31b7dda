"""Static files: packed at the start, named by their content, kept by browsers for good."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from falcon.asgi import Request, Response

from iotistic_kit.auth import PUBLIC
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation

__all__ = ["Asset", "Assets", "StaticFiles"]

_KINDS = {".css", ".js", ".svg", ".png", ".txt"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: the bytes as they are, and packed."""

    kind: str
    plain: bytes
    packed: bytes


class Assets:
    """All files below ``static``, by the address that their content gives them."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._by_name: dict[str, Asset] = {}
        for name, file in _found(files("iotistic_dashboard").joinpath("static")):
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            stem, _, suffix = name.rpartition(".")
            hashed = f"{stem}.{digest}.{suffix}".replace("/", "-")
            kind = mimetypes.types_map.get(f".{suffix}", "text/plain")
            if kind.startswith("text/") or kind.endswith("svg+xml"):
                kind = f"{kind}; charset=utf-8"
            self._addresses[name] = f"/static/{hashed}"
            self._by_name[hashed] = Asset(kind, content, gzip.compress(content, 9, mtime=0))

    def address(self, name: str) -> str:
        """Return the address of a file below ``static``."""
        return self._addresses[name]

    def get(self, hashed: str) -> Asset | None:
        """Return the file at an address."""
        return self._by_name.get(hashed)


class StaticFiles:
    """``/static/<name>.<hash>.<kind>``."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    @operation(
        "Fetch a file of the pages",
        access=PUBLIC,
        response={"type": "string"},
        response_type="text/plain",
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Answer the file, packed for those who can unpack it."""
        asset = self._assets.get(name)
        if asset is None:
            raise Problem(404, "not_found", "There is no such file.")
        resp.content_type = asset.kind
        resp.set_header("Cache-Control", "public, max-age=31536000, immutable")
        resp.set_header("Vary", "Accept-Encoding")
        if "gzip" in (req.get_header("Accept-Encoding") or ""):
            resp.set_header("Content-Encoding", "gzip")
            resp.data = asset.packed
        else:
            resp.data = asset.plain


def _found(folder: Traversable, under: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _found(entry, f"{under}{entry.name}/")
        elif f".{entry.name.rpartition('.')[2]}" in _KINDS:
            found.append((under + entry.name, entry))
    return sorted(found, key=lambda one: one[0])
