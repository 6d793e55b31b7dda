"""Whether an image fits on the disks before its download begins; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from iotistic_agent.images.manifests import Blob

__all__ = ["Disk", "Lack", "Needs", "lacking", "needs_of"]

RESERVE = 16 * 2**20
_UNPACKED = 2.5


@dataclass(frozen=True, slots=True)
class Disk:
    """Where files go: ``device`` tells file systems apart, ``free`` is in bytes."""

    path: str
    device: int
    free: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes still to download, and bytes that the engine needs to load the image."""

    store: int
    engine: int


@dataclass(frozen=True, slots=True)
class Lack:
    """Bytes that have to become free, and a sentence for people."""

    size: int
    why: str


def needs_of(layers: Sequence[Blob], on_disk: int) -> Needs:
    """Return what an image takes, of whose layers ``on_disk`` bytes are in the store already.

    The engine keeps what it is given until all is unpacked. No manifest says how large that is:
    layers of programs are usually compressed to two fifths or less.
    """
    size = sum(each.size for each in layers)
    unpacked = sum(each.size * (_UNPACKED if each.compressed else 1.0) for each in layers)
    return Needs(store=max(0, size - on_disk), engine=size + int(unpacked))


def lacking(needs: Needs, store: Disk, engine: Disk | None) -> Lack | None:
    """Return what the disk that is too small lacks, None when both have room.

    ``engine`` is None where the engine's folder can't be seen from here.
    """
    wanted = {store.device: needs.store}
    disks = {store.device: store}
    if engine is not None:
        wanted[engine.device] = wanted.get(engine.device, 0) + needs.engine
        disks.setdefault(engine.device, engine)
    for device, disk in disks.items():
        needed = wanted[device] + RESERVE
        if wanted[device] and needed > disk.free:
            why = (
                f"too little room on the disk of {disk.path}: about {_mb(needed)} MB are needed,"
                f" {_mb(disk.free)} MB are free; remove what isn't needed, such as old images"
            )
            return Lack(needed - disk.free, why)
    return None


def _mb(size: int) -> int:
    return -(-size // 10**6)
