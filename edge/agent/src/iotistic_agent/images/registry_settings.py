"""What the environment says about registries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iotistic_agent.images.places import Mirror, parse_mirror
from iotistic_agent.proxies import Proxies, parse_proxies

__all__ = ["RegistrySettings", "registry_settings"]

_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """``insecure`` are the hosts that may be spoken to without TLS; sizes in bytes."""

    auth_file: Path | None = None
    certs_dir: Path = Path("/etc/docker/certs.d")
    mirrors: tuple[Mirror, ...] = ()
    insecure: frozenset[str] = frozenset()
    proxies: Proxies = field(default_factory=Proxies)
    store_bytes: int = 8192 * _MEGABYTE


def registry_settings(words: Mapping[str, str]) -> RegistrySettings:
    """Return the settings; ValueError begins with the variable that is wrong."""
    insecure = frozenset(_listed(words, "REGISTRY_INSECURE"))
    try:
        mirrors = tuple(parse_mirror(each, insecure) for each in _listed(words, "REGISTRY_MIRRORS"))
    except ValueError as exc:
        raise ValueError(f"REGISTRY_MIRRORS: {exc}") from None
    return RegistrySettings(
        auth_file=Path(words["REGISTRY_AUTH_FILE"]) if "REGISTRY_AUTH_FILE" in words else None,
        certs_dir=Path(words.get("REGISTRY_CERTS_DIR", "/etc/docker/certs.d")),
        mirrors=mirrors,
        insecure=insecure,
        proxies=parse_proxies(words),
        store_bytes=_megabytes(words.get("IMAGE_STORE_MAX_MB", "8192")) * _MEGABYTE,
    )


def _listed(words: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in words.get(name, "").split(",") if each.strip()]


def _megabytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**7:
        raise ValueError(f"IMAGE_STORE_MAX_MB: megabytes from 1 to 10000000, not {text!r}")
    return int(text)
