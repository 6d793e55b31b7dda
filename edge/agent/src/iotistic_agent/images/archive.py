"""The tar archive that an engine loads an image from.

It has both layouts in one: ``manifest.json`` for the classic image store, which takes layers
compressed as they are and leaves out those that it has, and the OCI image layout, by which
containerd's store keeps the registry's digest.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iotistic_agent.faults import WrongDigest
from iotistic_agent.images.manifests import Blob, Manifest, digest_of_bytes

__all__ = ["Contents", "archive", "known_layers"]

_CHUNK = 256 * 1024
_BLOCK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is to be loaded, under the name ``repository:tag``; ``layers`` are those that come."""

    manifest: Manifest
    document: bytes
    repository: str
    tag: str
    layers: tuple[Blob, ...]


def known_layers(diff_ids: Sequence[str], images: Iterable[Sequence[str]]) -> int:
    """Return how many of the lowest layers are those of another image."""
    return max((_in_common(diff_ids, each) for each in images), default=0)


def archive(contents: Contents, path: Callable[[str], Path]) -> Iterator[bytes]:
    """Yield the archive in chunks; blobs come from ``path(digest)``.

    WrongDigest when a file isn't what its digest says: the archive has no end then.
    """
    for blob in {each.digest: each for each in (contents.manifest.config, *contents.layers)}:
        yield from _file(blob, path(blob))
    index = digest_of_bytes(contents.document)
    yield from _member(_name(index), contents.document)
    yield from _member("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    yield from _member("index.json", json.dumps(_index(contents, index)).encode())
    yield from _member("manifest.json", json.dumps([_docker(contents)]).encode())
    yield bytes(2 * _BLOCK)


def _docker(contents: Contents) -> dict[str, object]:
    return {
        "Config": _name(contents.manifest.config.digest),
        "RepoTags": [f"{contents.repository}:{contents.tag}"],
        "Layers": [_name(each.digest) for each in contents.manifest.layers],
    }


def _index(contents: Contents, digest: str) -> dict[str, object]:
    names = {
        "io.containerd.image.name": f"{contents.repository}:{contents.tag}",
        "org.opencontainers.image.ref.name": contents.tag,
    }
    described = {
        "mediaType": contents.manifest.media_type,
        "digest": digest,
        "size": len(contents.document),
        "annotations": names,
    }
    media_type = "application/vnd.oci.image.index.v1+json"
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": [described]}


def _name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content)) + content + bytes(-len(content) % _BLOCK)


def _file(digest: str, path: Path) -> Iterator[bytes]:
    known = hashlib.sha256()
    with path.open("rb") as stream:
        size = path.stat().st_size
        yield _header(_name(digest), size)
        while chunk := stream.read(_CHUNK):
            known.update(chunk)
            yield chunk
    if f"sha256:{known.hexdigest()}" != digest:
        path.unlink(missing_ok=True)
        raise WrongDigest(f"{digest} was damaged on the disk; it is downloaded again")
    yield bytes(-size % _BLOCK)


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
