"""Brings images: from registries into the store, and from there into the engine."""

from collections.abc import Collection

from iotistic_agent.adapters.blob_store import BlobStore
from iotistic_agent.adapters.engine_images import EngineImage, EngineImages
from iotistic_agent.adapters.image_table import ImageTable, LoadedImage
from iotistic_agent.adapters.registry import Document
from iotistic_agent.faults import PullFault
from iotistic_agent.images.archive import Contents, archive
from iotistic_agent.images.download import Download, Downloads
from iotistic_agent.images.manifests import Index, Manifest, parse_manifest
from iotistic_agent.images.names import name_on_engine
from iotistic_agent.images.platforms import Platform, choose
from iotistic_agent.images.progress import Meter, Stop
from iotistic_agent.images.registry_settings import RegistrySettings
from iotistic_agent.images.sources import Sources, sources_of
from iotistic_contract.images import Image

__all__ = ["Puller"]


class Puller:
    """Pulls that share one store; all calls block, and may come from any thread."""

    def __init__(
        self,
        engine: EngineImages,
        store: BlobStore,
        table: ImageTable,
        settings: RegistrySettings,
    ) -> None:
        self._engine = engine
        self._store = store
        self._table = table
        self._settings = settings
        self._downloads = Downloads(store, table)

    def pull(self, reference: str, stop: Stop, meter: Meter) -> None:
        """Let the engine have what ``reference`` names now; PullFault says why it can't."""
        self._store.prepare()
        image = Image.parse(reference)
        sources = sources_of(image, self._settings, stop)
        root = sources.root()
        if self._is_there(reference, image, root):
            return
        machine = self._engine.machine()
        document, manifest = _for_machine(machine.platform, root, sources)
        found = self._engine.find(manifest.config.digest) or self._engine.find(document.digest)
        if found is None:
            image_id = manifest.config.digest if machine.knows_layers else document.digest
            expected = LoadedImage(image_id, root.digest)
            download = Download(reference, image, machine, manifest, expected, sources, stop, meter)
            self._load(download, document)
        else:
            machine.check_platform(found.platform)
            self._engine.tag(found.id, *name_on_engine(image))
        self._keep(reference, image, root, {manifest.config.digest, document.digest})

    def collect(self, references: Collection[str]) -> None:
        """Throw away what pulls of other references left."""
        self._store.prepare()
        needed = self._table.only(references, lambda each: self._engine.find(each) is not None)
        self._store.keep_only(needed)

    def freeable(self, references: Collection[str]) -> int:
        """Return about how many bytes the images take that were brought for other references."""
        others = {image.id for each, image in self._table.all().items() if each not in references}
        found = (self._engine.find(each) for each in sorted(others))
        return sum(each.size for each in found if each is not None)

    def _is_there(self, reference: str, image: Image, root: Document) -> bool:
        known = self._table.get(reference)
        if known is None or known.digest != root.digest:
            return False
        found = self._named(image)
        return found is not None and found.id == known.id

    def _named(self, image: Image) -> EngineImage | None:
        return self._engine.find(":".join(name_on_engine(image)))

    def _load(self, download: Download, document: Document) -> None:
        layers = self._downloads.layers_for(download, self._engine)
        repository, tag = name_on_engine(download.image)
        contents = Contents(
            manifest=download.manifest,
            document=document.content,
            repository=repository,
            tag=tag,
            layers=layers,
        )
        self._engine.load(download.stop.watched(archive(contents, self._store.path)))

    def _keep(self, reference: str, image: Image, root: Document, ids: Collection[str]) -> None:
        """Note what the engine doesn't: which digest the registry has for this image."""
        found = self._named(image)
        if found is None or found.id not in ids:
            raise PullFault(f"the engine has another image as {':'.join(name_on_engine(image))}")
        unneeded = self._table.loaded(reference, LoadedImage(found.id, root.digest))
        self._store.remove(unneeded)


def _for_machine(machine: Platform, root: Document, sources: Sources) -> tuple[Document, Manifest]:
    """Return the manifest for the machine; PullFault when the image has none."""
    parsed = parse_manifest(root.content, root.media_type)
    if isinstance(parsed, Manifest):
        return root, parsed
    chosen = choose(machine, parsed.entries)
    if chosen is None:
        offers = ", ".join(sorted(str(each) for each, _ in parsed.entries if each.architecture))
        raise PullFault(f"the image isn't made for {machine}, but for {offers[:200] or 'none'}")
    document = sources.manifest(chosen[1].digest)
    parsed = parse_manifest(document.content, document.media_type or chosen[1].media_type)
    if isinstance(parsed, Index):
        raise PullFault("the image's index names another index")
    return document, parsed
