"""The release that the tenant serves: its signed manifest, its bundles."""

import hashlib
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

from iotistic_agent.adapters.cloud import Cloud, words
from iotistic_agent.faults import CloudUnavailable, Refused, UpgradeFailed
from iotistic_contract.agent_release import MANIFEST, MANIFEST_SIGNATURE, Bundle, Manifest
from iotistic_pki.errors import ReleaseRefused
from iotistic_pki.release import verified_manifest

__all__ = ["ReleaseSource"]

_PATIENCE = 60.0
_BLOCK = 64 * 1024


class ReleaseSource:
    """Fetches from ``/install`` of one origin; ``key_file`` is the vendor's release key in PEM.

    CloudUnavailable means later, UpgradeFailed never. Blocks.
    """

    def __init__(self, origin: str, context: ssl.SSLContext | None, key_file: Path | None) -> None:
        self._origin = urlsplit(origin)
        self._context = context
        self._key_file = key_file
        self._cloud = Cloud(origin, context)

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest whose SHA-256 (hex) is ``digest``, verified by the release key."""
        if self._key_file is None:
            raise UpgradeFailed("no release key: set RELEASE_KEY_FILE")
        try:
            key = self._key_file.read_bytes()
        except OSError as exc:
            raise UpgradeFailed(
                f"can't read the release key {self._key_file}: {exc.strerror}"
            ) from None
        content = self._file(MANIFEST)
        if hashlib.sha256(content).hexdigest() != digest:
            raise UpgradeFailed("the tenant serves another release than the one that was ordered")
        try:
            return verified_manifest(content, self._file(MANIFEST_SIGNATURE), key)
        except ReleaseRefused as exc:
            raise UpgradeFailed(exc.detail) from None

    def download(self, bundle: Bundle, path: Path) -> None:
        """Write the bundle to ``path``; it has the size and the hash that the manifest says."""
        try:
            digest = self._copied(bundle, path)
        except (OSError, HTTPException) as exc:
            raise CloudUnavailable(f"{self._origin.netloc}: {words(exc)}") from None
        if digest != bundle.sha256:
            raise UpgradeFailed(f"{bundle.file} isn't what the manifest says")

    def close(self) -> None:
        """Close the connection."""
        self._cloud.close()

    def _file(self, name: str) -> bytes:
        try:
            return self._cloud.call("GET", f"/install/{name}").body
        except Refused as exc:
            raise UpgradeFailed(f"{name}: {exc}") from None

    def _copied(self, bundle: Bundle, path: Path) -> str:
        """Copy at most what was promised and return its SHA-256, empty for more than that."""
        connection = self._connection()
        found, length = hashlib.sha256(), 0
        try:
            connection.request("GET", f"/install/{quote(bundle.file)}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise HTTPException(f"{answer.status} for {bundle.file}")
            with path.open("wb") as file:
                while block := answer.read(_BLOCK):
                    length += len(block)
                    if length > bundle.size:
                        return ""
                    found.update(block)
                    file.write(block)
        finally:
            connection.close()
        if length < bundle.size:
            raise HTTPException(f"{length} of {bundle.size} bytes came")
        return found.hexdigest()

    def _connection(self) -> HTTPConnection:
        host, port = self._origin.hostname or "", self._origin.port
        if self._origin.scheme == "http":
            return HTTPConnection(host, port, timeout=_PATIENCE)
        return HTTPSConnection(host, port, timeout=_PATIENCE, context=self._context)
