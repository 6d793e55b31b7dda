"""Manifests, indexes and configurations of images as values; pure.

Docker's image manifest schema 2 and manifest list, and the OCI image specification 1.1.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iotistic_agent.faults import PullFault
from iotistic_agent.images.platforms import Platform
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault

__all__ = [
    "ACCEPTED",
    "MAX_DOCUMENT",
    "Blob",
    "Config",
    "Index",
    "Manifest",
    "check_digest",
    "digest_of_bytes",
    "parse_config",
    "parse_manifest",
]

MAX_DOCUMENT = 4 * 2**20
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPTED = ", ".join((*_INDEXES, *_MANIFESTS))
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_LAYER = re.compile(
    r"application/vnd\.(oci|docker)\.image\.(layer|rootfs)\..*tar([.+](gzip|zstd))?"
)
_WORD = re.compile(r"[A-Za-z0-9._-]{0,32}", re.ASCII)
_MAX_LAYERS, _MAX_ENTRIES, _MAX_SIZE = 127, 1000, 2**40


@dataclass(frozen=True, slots=True)
class Blob:
    """What a manifest says of one blob; ``size`` in bytes."""

    digest: str
    size: int
    media_type: str = ""

    @property
    def compressed(self) -> bool:
        """Whether it unpacks to more than its size."""
        return self.media_type.endswith(("gzip", "zstd"))


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its configuration and its layers, the lowest first."""

    media_type: str
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Each blob once, the configuration first."""
        return tuple({each.digest: each for each in (self.config, *self.layers)}.values())


@dataclass(frozen=True, slots=True)
class Index:
    """The same image for several platforms."""

    entries: tuple[tuple[Platform, Blob], ...]


@dataclass(frozen=True, slots=True)
class Config:
    """What the image was made for, and the digests of its unpacked layers."""

    platform: Platform
    diff_ids: tuple[str, ...]


def check_digest(text: object) -> str:
    """Return a SHA-256 digest, the only one that Docker makes; PullFault otherwise."""
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise PullFault(f"a digest that can't be verified: {str(text)[:80]!r}")
    return text


def digest_of_bytes(content: bytes) -> str:
    """Return the digest of ``content``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parse_manifest(content: bytes, content_type: str) -> Manifest | Index:
    """Return the manifest or index in ``content``; its own media type goes before the header's."""
    document = _document(content, "manifest")
    stated = document.get("mediaType") or content_type.partition(";")[0].strip()
    if stated in _INDEXES or "manifests" in document:
        return Index(tuple(_entry(each) for each in _list(document, "manifests", _MAX_ENTRIES)))
    if stated in _MANIFESTS and document.get("schemaVersion") == 2:
        return Manifest(
            str(stated),
            _blob(document.get("config")),
            tuple(_layer(each) for each in _list(document, "layers", _MAX_LAYERS)),
        )
    raise PullFault(f"the registry answers with a {stated!r:.100}, which isn't an image's manifest")


def parse_config(content: bytes, layers: int) -> Config:
    """Return the configuration; PullFault when it doesn't describe ``layers`` layers."""
    document = _document(content, "configuration")
    rootfs = document.get("rootfs")
    diff_ids = _list(rootfs, "diff_ids", _MAX_LAYERS) if isinstance(rootfs, Mapping) else ()
    if len(diff_ids) != layers:
        raise PullFault(f"the image has {layers} layers, its configuration {len(diff_ids)}")
    return Config(_platform(document), tuple(check_digest(each) for each in diff_ids))


def _document(content: bytes, what: str) -> Mapping[str, object]:
    try:
        value = parse_json(content)
    except ContractFault as exc:
        raise PullFault(f"the image's {what} can't be read: {exc}") from None
    if not isinstance(value, Mapping):
        raise PullFault(f"the image's {what} is no JSON object")
    return value


def _list(document: Mapping[str, object], name: str, most: int) -> Sequence[object]:
    listed = document.get(name)
    if not isinstance(listed, list):
        raise PullFault(f"the image has no list {name}")
    if len(listed) > most:
        raise PullFault(f"the image has {len(listed)} {name}; at most {most} are taken")
    return listed


def _entry(raw: object) -> tuple[Platform, Blob]:
    blob = _blob(raw)
    platform = raw.get("platform") if isinstance(raw, Mapping) else None
    return _platform(platform if isinstance(platform, Mapping) else {}), blob


def _platform(raw: Mapping[str, object]) -> Platform:
    words = (raw.get(name) or "" for name in ("os", "architecture", "variant"))
    if not all(isinstance(each, str) and _WORD.fullmatch(each) for each in words):
        return Platform("unknown", "unknown")
    return Platform.of(*(str(raw.get(name) or "") for name in ("os", "architecture", "variant")))


def _layer(raw: object) -> Blob:
    blob = _blob(raw)
    if not _LAYER.fullmatch(blob.media_type):
        raise PullFault(f"a layer of the type {blob.media_type!r:.100} can't be unpacked")
    return blob


def _blob(raw: object) -> Blob:
    if not isinstance(raw, Mapping):
        raise PullFault("a blob of the image isn't described")
    size, media_type = raw.get("size"), raw.get("mediaType")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
        raise PullFault("a blob of the image has no size that can be")
    return Blob(
        check_digest(raw.get("digest")), size, media_type if isinstance(media_type, str) else ""
    )
