"""Where images are had: registries and their mirrors; pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from iotistic_contract.images import Image

__all__ = ["Mirror", "Place", "is_loopback", "mirrors_of", "parse_mirror", "registry_of"]

_DOCKER_HUB, _DOCKER_HUB_HOST = "docker.io", "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Place:
    """A registry's API at ``host`` (``name[:port]``), by the first of ``schemes`` that it speaks.

    ``registry`` is the name that references have for it, a mirror's own being its host;
    ``mirrors`` that of the registry that it stands for, None when it stands for itself.
    """

    host: str
    schemes: tuple[str, ...]
    registry: str
    mirrors: str | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """A registry nearby that has other registries' images; of ``registry`` alone where that is."""

    scheme: str
    host: str
    registry: str | None = None


def parse_mirror(text: str, insecure: Iterable[str]) -> Mirror:
    """Read ``[registry=]https://host[:port]``; ValueError says what can't be."""
    registry, mark, origin = text.rpartition("=")
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(f"[registry=]https://host[:port], not {text!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"a mirror has no path: {text!r}")
    if parts.scheme == "http" and not may_be_plain(parts.netloc, insecure):
        raise ValueError(
            f"{text!r} is plain HTTP: use https, or name {parts.netloc} in REGISTRY_INSECURE"
        )
    return Mirror(parts.scheme, parts.netloc, registry if mark else None)


def registry_of(image: Image, insecure: Iterable[str]) -> Place:
    """Return the registry that the reference names."""
    host = _DOCKER_HUB_HOST if image.registry == _DOCKER_HUB else image.registry
    schemes = ("https", "http") if may_be_plain(host, insecure) else ("https",)
    return Place(host, schemes, image.registry)


def mirrors_of(image: Image, mirrors: Iterable[Mirror]) -> tuple[Place, ...]:
    """Return the mirrors that may have the image, in their order."""
    return tuple(
        Place(each.host, (each.scheme,), each.host, image.registry)
        for each in mirrors
        if each.registry in (None, image.registry) and each.host != image.registry
    )


def may_be_plain(host: str, insecure: Iterable[str]) -> bool:
    """Tell whether plain HTTP is allowed: on this machine, or where the settings say so."""
    return is_loopback(host) or host in insecure


def is_loopback(host: str) -> bool:
    """Tell whether ``name[:port]`` is this machine by its very name."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
