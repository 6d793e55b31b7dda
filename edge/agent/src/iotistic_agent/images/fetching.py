"""One blob from a registry into the store, going on where the last try ended."""

from collections.abc import Callable

from iotistic_agent.adapters.blob_store import Part
from iotistic_agent.adapters.registry import Registry
from iotistic_agent.faults import RegistryUnavailable, WrongDigest
from iotistic_agent.images.progress import Stop

__all__ = ["ENOUGH", "fetch"]

ENOUGH = 256 * 1024
_PAUSE = 0.5


def fetch(
    registry: Registry, repository: str, part: Part, stop: Stop, moved: Callable[[int], None]
) -> None:
    """Bring what is missing of a blob, and verify it.

    A connection that is cut is made anew as long as each one brings a quarter of a megabyte.
    Should parts from several tries make another digest, this registry gives the whole once more.
    """
    pieced = part.offset > 0
    while True:
        before = part.offset
        try:
            if not part.whole:
                _stream(registry, repository, part, moved)
            _finish(part, moved)
        except RegistryUnavailable:
            if part.offset - before < ENOUGH:
                raise
            stop.sleep(_PAUSE)
        except WrongDigest:
            if not pieced:
                raise
            pieced = False
        else:
            return


def _stream(registry: Registry, repository: str, part: Part, moved: Callable[[int], None]) -> None:
    with registry.blob(repository, part.blob.digest, part.offset) as (start, chunks):
        if start != part.offset:
            moved(-part.offset)
            part.restart()
        for chunk in chunks:
            part.write(chunk)
            moved(len(chunk))
    if not part.whole:
        raise RegistryUnavailable(f"{registry.place.host} cut the answer short")


def _finish(part: Part, moved: Callable[[int], None]) -> None:
    size = part.offset
    try:
        part.finish()
    except WrongDigest:
        moved(-size)
        raise
