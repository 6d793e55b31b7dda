"""What a device without an agent gets: the files of the release, and the command to paste."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self
from weakref import WeakSet

from iotistic_contract.agent_release import MANIFEST, PUBLIC_KEY, install_command
from iotistic_kit.auth import PUBLIC
from iotistic_kit.operation import operation
from iotistic_pki.release import read_manifest
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.tries import network_of
from iotistic_tenant_api.resources.access import READ
from iotistic_tenant_api.schemas import InstallCommandView

if TYPE_CHECKING:
    from pathlib import Path

    from falcon.asgi import Request, Response

    from iotistic_contract.agent_release import Manifest
    from iotistic_tenant_api.resources.forwarding import Forwarding

__all__ = ["InstallCommands", "InstallFiles", "Release"]

MOST_DOWNLOADS = 64
MOST_OF_A_NETWORK = 8
LONGEST = 15 * 60.0
"""A download that takes longer (seconds) is cut off, also when its client takes nothing."""
_BLOCK = 256 * 1024
_BYTES = "application/octet-stream"
_BINARY = {"type": "string", "format": "binary"}


class Release:
    """What the folder of the release holds; the manifest is read again when it was replaced."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: tuple[tuple[int, int], Manifest | None] | None = None

    async def now(self) -> tuple[Path, Manifest]:
        """Return folder and manifest; 404 when no release is there."""
        manifest = None
        if self._folder is not None:
            manifest = await asyncio.to_thread(self._read, self._folder)
        if self._folder is None or manifest is None:
            raise Refused(404, "not_found", "no release of the agent is here")
        return self._folder, manifest

    def _read(self, folder: Path) -> Manifest | None:
        try:
            found = (folder / MANIFEST).stat()
        except OSError:
            return None
        stamp = found.st_mtime_ns, found.st_ino
        held = self._held
        if held is None or held[0] != stamp:
            held = self._held = stamp, read_manifest(folder)
        return held[1]


class InstallFiles:
    """The release's files, those that its manifest names; for everybody."""

    def __init__(self, release: Release, forwarding: Forwarding) -> None:
        self._release = release
        self._forwarding = forwarding
        self._running: WeakSet[_Download] = WeakSet()

    @operation(
        "Fetch a file of the agent's release",
        access=PUBLIC,
        response=_BINARY,
        response_type=_BYTES,
        problems=(404,),
    )
    async def on_get(self, req: Request, resp: Response, file: str) -> None:
        """Answer the file; 503 while too many are being fetched at this worker, or by a network.

        A download that lasts over 15 minutes is cut off.
        """
        folder, manifest = await self._release.now()
        if file not in manifest.files:
            raise Refused(404, "not_found", "the release has no such file")
        download = self._begun(network_of(self._forwarding.address_of(req)))
        await download.open(folder / file)
        resp.content_type = _BYTES
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Cache-Control", "no-cache")
        resp.set_stream(download, download.size)

    def _begun(self, network: str) -> _Download:
        running = [one for one in self._running if not one.ended]
        here = sum(one.network == network for one in running)
        if len(running) >= MOST_DOWNLOADS or here >= MOST_OF_A_NETWORK:
            raise Refused(503, "unavailable", "too many downloads at once", retry_after=5)
        download = _Download(network)
        self._running.add(download)
        return download


class _Download:
    """A file as Falcon reads it; one that is dropped, whenever, counts no longer."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.ended = False
        self.size = 0
        self._file: BinaryIO | None = None
        self._limit: asyncio.TimerHandle | None = None

    async def open(self, path: Path) -> None:
        """Open the file; 404 when it isn't there."""
        try:
            self._file, self.size = await asyncio.to_thread(_opened, path)
        except OSError:
            self.ended = True
            raise Refused(404, "not_found", "the release lacks this file") from None

    def __aiter__(self) -> Self:
        """Have the task that sends the file cancelled when it takes too long."""
        task = asyncio.current_task()
        if task is not None:
            self._limit = asyncio.get_running_loop().call_later(LONGEST, task.cancel)
        return self

    async def __anext__(self) -> bytes:
        file = self._file
        block = b"" if file is None else await asyncio.to_thread(file.read, _BLOCK)
        if not block:
            raise StopAsyncIteration
        return block

    async def close(self) -> None:
        """Count no longer; Falcon calls it at the end, whatever that is."""
        self.ended = True
        if self._limit is not None:
            self._limit.cancel()
        if self._file is not None:
            self._file.close()

    def __del__(self) -> None:
        """Close the file of a download that was dropped before it began."""
        if self._file is not None:
            self._file.close()


def _opened(path: Path) -> tuple[BinaryIO, int]:
    file = path.open("rb")
    return file, os.fstat(file.fileno()).st_size


class InstallCommands:
    """The one line by which a person installs the agent on a device of this tenant."""

    def __init__(self, release: Release, public_url: str) -> None:
        self._release = release
        self._public_url = public_url

    @operation(
        "Show the one-line install",
        access=READ,
        response=InstallCommandView,
        problems=(404,),
    )
    async def on_get(self, _req: Request, resp: Response) -> None:
        """Answer the command and the key by which it verifies what it fetches."""
        folder, manifest = await self._release.now()
        public_key = ""
        with suppress(OSError):
            public_key = await asyncio.to_thread((folder / PUBLIC_KEY).read_text, "ascii")
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
