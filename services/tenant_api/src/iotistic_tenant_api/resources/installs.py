"""What a device without an agent gets: the files of the release, and the command to paste."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from iotistic_contract.agent_release import PUBLIC_KEY, install_command
from iotistic_kit.auth import PUBLIC
from iotistic_kit.operation import operation
from iotistic_pki.release import read_manifest
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import READ
from iotistic_tenant_api.schemas import InstallCommandView

if TYPE_CHECKING:
    from pathlib import Path

    from falcon.asgi import Request, Response

    from iotistic_contract.agent_release import Manifest

__all__ = ["InstallCommands", "InstallFiles"]

MOST_DOWNLOADS = 64
_BLOCK = 256 * 1024
_BYTES = "application/octet-stream"
_BINARY = {"type": "string", "format": "binary"}


class InstallFiles:
    """The release's files, those that its manifest names; for everybody."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._running: WeakSet[_Download] = WeakSet()

    @operation(
        "Fetch a file of the agent's release",
        access=PUBLIC,
        response=_BINARY,
        response_type=_BYTES,
        problems=(404,),
    )
    async def on_get(self, _req: Request, resp: Response, file: str) -> None:
        """Answer the file; 503 while too many are being fetched at this worker."""
        folder, manifest = _release(self._folder)
        if file not in manifest.files:
            raise Refused(404, "not_found", "the release has no such file")
        if len(self._running) >= MOST_DOWNLOADS:
            raise Refused(503, "unavailable", "too many downloads at once", retry_after=5)
        download = _Download(folder / file)
        self._running.add(download)
        resp.content_type = _BYTES
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Cache-Control", "no-cache")
        resp.set_stream(download, download.size)


class _Download:
    """A file as Falcon reads it; one that is dropped, whenever, counts no longer."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError:
            raise Refused(404, "not_found", "the release lacks this file") from None
        self.size = os.fstat(self._file.fileno()).st_size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await asyncio.to_thread(self._file.read, _BLOCK)
        if not block:
            self._file.close()
            raise StopAsyncIteration
        return block

    def __del__(self) -> None:
        """Close the file of a download that was cut, also before it began."""
        if hasattr(self, "_file"):
            self._file.close()


class InstallCommands:
    """The one line by which a person installs the agent on a device of this tenant."""

    def __init__(self, folder: Path | None, public_url: str) -> None:
        self._folder = folder
        self._public_url = public_url

    @operation(
        "Show the one-line install",
        access=READ,
        response=InstallCommandView,
        problems=(404,),
    )
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer the command and the key by which it verifies what it fetches."""
        folder, manifest = _release(self._folder)
        public_key = ""
        with suppress(OSError):
            public_key = (folder / PUBLIC_KEY).read_text(encoding="ascii")
        if not public_key:
            raise Refused(404, "not_found", "the release lacks its public key")
        resp.media = InstallCommandView(
            command=install_command(self._public_url, public_key, manifest.released),
            release_key_pem=public_key,
            fingerprint=manifest.key,
            version=manifest.version,
            released=manifest.released,
            architectures=[bundle.arch for bundle in manifest.bundles],
        ).wire()


def _release(folder: Path | None) -> tuple[Path, Manifest]:
    manifest = None if folder is None else read_manifest(folder)
    if folder is None or manifest is None:
        raise Refused(404, "not_found", "no release of the agent is here")
    return folder, manifest
