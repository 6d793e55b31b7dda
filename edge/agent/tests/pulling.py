"""Pulls by hand: one store and one engine, without the agent's loops."""

import json
from pathlib import Path

from iotistic_agent.adapters.blob_store import BlobStore
from iotistic_agent.adapters.engine_api import EngineApi
from iotistic_agent.adapters.engine_images import EngineImages
from iotistic_agent.adapters.image_table import ImageTable
from iotistic_agent.images.progress import Meter, Stop
from iotistic_agent.images.pull import Puller
from iotistic_agent.images.registry_settings import registry_settings


class Pulling:
    """A device's store in ``folder``, with the environment's words about registries."""

    def __init__(self, host, folder: Path, **words: str) -> None:
        self.host, self.folder = host, folder
        self.settings = registry_settings(words)
        self.stop, self.meter = Stop(), Meter()
        self.open()

    def open(self) -> None:
        """Read what is on the disk, as after a start."""
        self.store = BlobStore(self.folder, self.settings.store_bytes)
        self.table = ImageTable(self.folder / "images.json")
        self.images = EngineImages(EngineApi(self.host.socket))
        self.puller = Puller(self.images, self.store, self.table, self.settings)

    def pull(self, reference: str) -> None:
        self.meter = Meter()
        self.puller.pull(reference, self.stop, self.meter)

    def id_of(self, reference: str) -> str | None:
        """The engine's id of what was loaded for a reference."""
        known = self.table.get(reference)
        return None if known is None else known.id

    def files(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())

    def clean(self) -> None:
        """Remove what was loaded from the engine."""
        file = self.folder / "images.json"
        loaded = json.loads(file.read_text())["loaded"] if file.exists() else {}
        for image in {each["id"] for each in loaded.values()}:
            if self.images.find(image) is not None:
                self.host.docker("rmi", "--force", image)
