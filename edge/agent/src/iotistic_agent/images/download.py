"""Brings the blobs of one manifest into the store: what is missing, if there is room for it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iotistic_agent.adapters.blob_store import BlobStore, disk_of
from iotistic_agent.adapters.engine_images import EngineImages, Machine
from iotistic_agent.adapters.image_table import ImageTable, LoadedImage, UnderWay
from iotistic_agent.faults import NoRoom, PullFault
from iotistic_agent.images.archive import known_layers
from iotistic_agent.images.fetching import fetch
from iotistic_agent.images.manifests import MAX_DOCUMENT, Blob, Config, Manifest, parse_config
from iotistic_agent.images.progress import Meter, Stop
from iotistic_agent.images.room import lacking, needs_of
from iotistic_agent.images.sources import Sources
from iotistic_agent.images.threads import each_in_threads
from iotistic_contract.images import Image

__all__ = ["Download", "Downloads"]

_BLOBS_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Download:
    """One pull: what is wanted for which machine, from whom, and who watches it."""

    reference: str
    image: Image
    machine: Machine
    manifest: Manifest
    expected: LoadedImage
    sources: Sources
    stop: Stop
    meter: Meter


class Downloads:
    """Downloads into one store, at most three blobs at once."""

    def __init__(self, store: BlobStore, table: ImageTable) -> None:
        self._store = store
        self._table = table
        self._places = threading.BoundedSemaphore(_BLOBS_AT_ONCE)

    def layers_for(self, download: Download, engine: EngineImages) -> tuple[Blob, ...]:
        """Return the layers that the engine must be given; they and the configuration are there.

        PullFault before the first layer when the image is for other machines, or doesn't fit.
        """
        manifest = download.manifest
        blobs = tuple(each.digest for each in manifest.blobs)
        needed = self._table.began(download.reference, UnderWay(download.expected, blobs))
        config = self._config(download)
        download.machine.check_platform(config.platform)
        known = 0
        if download.machine.knows_layers:
            known = known_layers(config.diff_ids, [each.diff_ids for each in engine.all()])
        layers = tuple({each.digest: each for each in manifest.layers[known:]}.values())
        missing = self._missing(layers)
        held = {each.digest: self._store.held(each) for each in layers}
        download.meter.begin(sum(held.values()), sum(each.size for each in layers))
        self._check_room(download.machine.folder, layers, sum(held.values()))
        self._store.make_room(sum(each.size - held[each.digest] for each in missing), needed)
        each_in_threads(lambda each: self._fetch(each, download), missing, _BLOBS_AT_ONCE)
        return layers

    def _config(self, download: Download) -> Config:
        """Return the image's configuration; its blob stays in the store."""
        blob = download.manifest.config
        if blob.size > MAX_DOCUMENT:
            raise PullFault(f"the image's configuration is larger than {MAX_DOCUMENT} bytes")
        self._fetch(blob, download)
        content = self._store.path(blob.digest).read_bytes()
        return parse_config(content, len(download.manifest.layers))

    def _missing(self, layers: Sequence[Blob]) -> list[Blob]:
        return [each for each in layers if not self._store.path(each.digest).exists()]

    def _check_room(self, engine_folder: Path, layers: Sequence[Blob], held: int) -> None:
        store = disk_of(self._store.folder)
        if store is None:
            raise PullFault(f"can't look at the disk of {self._store.folder}")
        lack = lacking(needs_of(layers, held), store, disk_of(engine_folder))
        if lack is not None:
            raise NoRoom(lack.why, lack.size)

    def _fetch(self, blob: Blob, download: Download) -> None:
        repository, stop = download.image.repository, download.stop
        with self._place(stop), self._store.writing(blob, stop) as part:
            if part is not None:
                download.sources.first(
                    lambda registry: fetch(registry, repository, part, stop, download.meter.moved)
                )

    @contextmanager
    def _place(self, stop: Stop) -> Iterator[None]:
        while not self._places.acquire(timeout=0.2):
            stop.check()
        try:
            stop.check()
            yield
        finally:
            self._places.release()
