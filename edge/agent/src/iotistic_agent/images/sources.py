"""Who is asked for an image, and in which order: mirrors, then its own registry."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from iotistic_agent.adapters.registry import Document, Registry
from iotistic_agent.adapters.registry_http import RegistryHttp
from iotistic_agent.faults import PullFault, PullStopped, RegistryUnavailable, WrongDigest
from iotistic_agent.images.credentials import login_for
from iotistic_agent.images.places import Place, mirrors_of, registry_of
from iotistic_agent.images.progress import Stop
from iotistic_agent.images.registry_settings import RegistrySettings
from iotistic_contract.images import Image

__all__ = ["Sources", "sources_of"]

_Had = TypeVar("_Had")


class Sources:
    """The registries that one pull asks."""

    def __init__(self, image: Image, mirrors: Sequence[Registry], own: Registry) -> None:
        self._image = image
        self._mirrors = list(mirrors)
        self._own = own

    def root(self) -> Document:
        """Return what the reference names now.

        A digest is the same everywhere. What a tag means, its own registry says, and a mirror only
        while that one doesn't answer.
        """
        repository, digest = self._image.repository, self._image.digest
        if digest is not None:
            return self.manifest(digest)
        tag = self._image.tag or "latest"
        try:
            return self._own.manifest(repository, tag)
        except RegistryUnavailable as exc:
            for mirror in self._mirrors:
                try:
                    return mirror.manifest(repository, tag)
                except PullStopped:
                    raise
                except PullFault as fault:
                    exc = type(exc)(f"{exc}; {fault}")
            raise exc from None

    def manifest(self, digest: str) -> Document:
        """Return the manifest of a digest from the first that has it."""
        return self.first(lambda registry: registry.manifest(self._image.repository, digest))

    def first(self, ask: Callable[[Registry], _Had]) -> _Had:
        """Return what the first one gives that can; else the fault tells of all."""
        told: list[str] = []
        for registry in (*self._mirrors, self._own):
            try:
                return ask(registry)
            except PullStopped:
                raise
            except PullFault as exc:
                told.append(str(exc))
                if registry is self._own:
                    raise type(exc)("; ".join(reversed(told))) from None
                if isinstance(exc, RegistryUnavailable | WrongDigest):
                    with suppress(ValueError):  # another thread's blob found the same
                        self._mirrors.remove(registry)
        raise AssertionError("an image has a registry of its own")


def sources_of(image: Image, settings: RegistrySettings, stop: Stop) -> Sources:
    """Return who may have the image; PullFault when the credentials can't be read."""
    http = RegistryHttp(settings, stop)

    def at(place: Place) -> Registry:
        login = login_for(place.registry, settings.auth_file)
        return Registry(place, http, stop, login, settings.insecure)

    mirrors = [at(place) for place in mirrors_of(image, settings.mirrors)]
    return Sources(image, mirrors, at(registry_of(image, settings.insecure)))
