"""What the engine doesn't remember of images that were loaded into it, in a file beside them."""

import json
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iotistic_agent.faults import PullFault
from iotistic_agent.images.manifests import check_digest
from iotistic_agent.logs import Component, log
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault
from iotistic_pki.files import write_atomic

__all__ = ["LOADED", "ImageTable", "LoadedImage", "UnderWay"]

LOADED = "images/images.json"
"""Where a device has the table, in its folder of state."""


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """The engine's id of an image, and the digest that its registry has for the reference."""

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The image that a pull is to bring, and the blobs that it needs."""

    image: LoadedImage
    blobs: tuple[str, ...]


class ImageTable:
    """References with their images, and with the pulls under way; for any thread.

    A file that can't be read is an empty one: the registry is asked again.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedImage] = {}
        self._pulls: dict[str, UnderWay] = {}
        if file is not None and file.exists():
            self._read(file)

    def get(self, reference: str) -> LoadedImage | None:
        """Return the image that was loaded for a reference."""
        return self._loaded.get(reference)

    def all(self) -> Mapping[str, LoadedImage]:
        """Return all references that an image was loaded for."""
        return dict(self._loaded)

    def forget(self, reference: str) -> None:
        """Forget the image of a reference: it was removed."""
        with self._lock:
            if self._loaded.pop(reference, None) is not None:
                self._write()

    def began(self, reference: str, pull: UnderWay) -> frozenset[str]:
        """Note a pull; return the blobs that are needed by any."""
        with self._lock:
            self._pulls[reference] = pull
            self._write()
            return frozenset(self._needed())

    def loaded(self, reference: str, image: LoadedImage) -> tuple[str, ...]:
        """Note the image; return the blobs that nothing needs any more."""
        with self._lock:
            mine = self._pulls.pop(reference, UnderWay(image, ())).blobs
            self._loaded[reference] = image
            self._write()
            return tuple(set(mine) - self._needed())

    def only(self, references: Collection[str], there: Callable[[str], bool]) -> frozenset[str]:
        """Forget pulls of other references, and their images unless those are ``there`` still.

        A pull whose image is there was ended between loading and noting: it is noted now. Returns
        the blobs that are needed.
        """
        with self._lock:
            for each, pull in tuple(self._pulls.items()):
                if there(pull.image.id):
                    self._loaded[each] = pull.image
                    del self._pulls[each]
            self._pulls = {each: p for each, p in self._pulls.items() if each in references}
            self._loaded = {
                each: image
                for each, image in self._loaded.items()
                if each in references or there(image.id)
            }
            self._write()
            return frozenset(self._needed())

    def _needed(self) -> set[str]:
        return {digest for pull in self._pulls.values() for digest in pull.blobs}

    def _read(self, file: Path) -> None:
        try:
            document = parse_json(file.read_bytes())
            loaded, pulls = _parsed(document)
        except (OSError, ContractFault, PullFault, KeyError, TypeError, AttributeError) as exc:
            reason = str(exc) or type(exc).__name__
            log(Component.CONTAINERS).warning("image_table_unreadable", extra={"reason": reason})
        else:
            self._loaded, self._pulls = loaded, pulls

    def _write(self) -> None:
        if self._file is None:
            return
        loaded = {each: _told(image) for each, image in self._loaded.items()}
        pulls = {each: {**_told(p.image), "blobs": p.blobs} for each, p in self._pulls.items()}
        content = json.dumps({"loaded": loaded, "pulls": pulls}).encode()
        try:
            write_atomic(self._file, content, 0o600)
        except OSError as exc:
            raise PullFault(f"can't write {self._file}: {exc.strerror}") from None


def _told(image: LoadedImage) -> dict[str, Any]:
    return {"id": image.id, "digest": image.digest}


def _image(raw: Mapping[str, object]) -> LoadedImage:
    return LoadedImage(check_digest(raw["id"]), check_digest(raw["digest"]))


def _parsed(document: object) -> tuple[dict[str, LoadedImage], dict[str, UnderWay]]:
    """Return both tables; raises what shows that the document isn't one of these."""
    if not isinstance(document, Mapping):
        raise TypeError("no JSON object")
    loaded = {reference: _image(each) for reference, each in document["loaded"].items()}
    pulls = {
        reference: UnderWay(_image(each), tuple(check_digest(blob) for blob in each["blobs"]))
        for reference, each in document["pulls"].items()
    }
    return loaded, pulls
