"""Blobs on disk, whole or in part: what a cut, a kill or a power failure left is gone on with."""

import errno
import hashlib
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from iotistic_agent.faults import PullFault, WrongDigest
from iotistic_agent.images.manifests import Blob
from iotistic_agent.images.progress import Stop
from iotistic_agent.images.room import Disk

__all__ = ["BlobStore", "Part", "disk_of"]

_CHUNK = 1024 * 1024
_PART = ".part"


class Part:
    """A blob that is being written; ``offset`` bytes of it are there."""

    def __init__(self, blob: Blob, path: Path, stream: BinaryIO) -> None:
        self.blob = blob
        self._path = path
        self._stream = stream
        self._hash = hashlib.sha256()
        self.offset = 0
        while chunk := stream.read(_CHUNK):
            self._hash.update(chunk)
            self.offset += len(chunk)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.offset == self.blob.size

    def write(self, chunk: bytes) -> None:
        """Append; PullFault when that is more than the manifest says, or the disk is full."""
        if self.offset + len(chunk) > self.blob.size:
            self.restart()
            raise PullFault(f"{self.blob.digest} is larger than the {self.blob.size} bytes stated")
        try:
            self._stream.write(chunk)
        except OSError as exc:
            raise _disk_fault(self._path, exc) from None
        self._hash.update(chunk)
        self.offset += len(chunk)

    def restart(self) -> None:
        """Throw away what is there."""
        self._stream.seek(0)
        self._stream.truncate()
        self._hash = hashlib.sha256()
        self.offset = 0

    def finish(self) -> None:
        """Keep the blob; WrongDigest, and nothing is kept, when it isn't what its digest says."""
        found = f"sha256:{self._hash.hexdigest()}"
        if found != self.blob.digest:
            self.restart()
            raise WrongDigest(f"what came for {self.blob.digest} has the digest {found}")
        try:
            self._path.rename(self._path.with_suffix(""))
        except OSError as exc:
            raise _disk_fault(self._path, exc) from None


class BlobStore:
    """A folder of blobs (0700), at most ``most`` bytes; for any thread."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._most = most
        self._guard = threading.Lock()
        self._writing: dict[str, threading.Lock] = {}

    def prepare(self) -> None:
        """Make the folder when it is missing; PullFault when that can't be."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise _disk_fault(self.folder / "images.json", exc) from None

    def path(self, digest: str) -> Path:
        """Return where a whole blob is, or will be."""
        return self.folder / digest.replace(":", "-")

    def held(self, blob: Blob) -> int:
        """Return how many bytes of a blob are there."""
        with suppress(FileNotFoundError):
            return self.path(blob.digest).stat().st_size
        with suppress(FileNotFoundError):
            return self._part(blob.digest).stat().st_size
        return 0

    @contextmanager
    def writing(self, blob: Blob, stop: Stop) -> Iterator[Part | None]:
        """Give the blob to write to this thread alone; None when it is whole already."""
        with self._guard:
            lock = self._writing.setdefault(blob.digest, threading.Lock())
        while not lock.acquire(timeout=0.2):
            stop.check()
        try:
            if self.path(blob.digest).exists():
                yield None
                return
            with _opened(self._part(blob.digest)) as stream:
                yield Part(blob, self._part(blob.digest), stream)
        finally:
            lock.release()

    def make_room(self, size: int, keep: Collection[str]) -> None:
        """Remove the oldest blobs but ``keep`` until ``size`` more fits; PullFault if it can't."""
        files = sorted(self._files(), key=lambda each: each.stat().st_mtime)
        total = sum(each.stat().st_size for each in files)
        for file in files:
            if total + size <= self._most:
                return
            if _digest(file) not in keep:
                total -= file.stat().st_size
                file.unlink()
        if total + size > self._most:
            raise PullFault(
                f"the image needs {size} bytes, the store has {self._most - total} left:"
                " raise IMAGE_STORE_MAX_MB"
            )

    def remove(self, digests: Iterable[str]) -> None:
        """Remove blobs, whole or in part."""
        for digest in digests:
            self.path(digest).unlink(missing_ok=True)
            self._part(digest).unlink(missing_ok=True)

    def keep_only(self, digests: Collection[str]) -> None:
        """Remove all other blobs."""
        self.remove({_digest(file) for file in self._files()} - set(digests))

    def _part(self, digest: str) -> Path:
        return self.folder / (digest.replace(":", "-") + _PART)

    def _files(self) -> list[Path]:
        return list(self.folder.glob("sha256-*"))


def disk_of(path: Path) -> Disk | None:
    """Return the disk that a folder is on, None when the folder can't be seen."""
    try:
        status = os.statvfs(path)
        return Disk(str(path), path.stat().st_dev, status.f_bavail * status.f_frsize)
    except OSError:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("a+b", buffering=0)
    except OSError as exc:
        raise _disk_fault(path, exc) from None
    with stream:
        path.chmod(0o600)
        stream.seek(0)
        yield stream


def _digest(file: Path) -> str:
    return file.name.removesuffix(_PART).replace("-", ":", 1)


def _disk_fault(path: Path, exc: OSError) -> PullFault:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return PullFault(f"no space left for images in {path.parent}: remove what isn't needed")
    return PullFault(f"can't write {path}: {exc.strerror}")
