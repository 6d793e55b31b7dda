"""What machine an image is for, and whether this one can run it; pure.

The words and their order are those of the OCI image index and of containerd's ``platforms``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Platform", "choose", "platform_of_engine", "runs_on"]

_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_BASELINES = {("amd64", "v1"), ("arm64", "v8"), ("arm64", "8")}
_ARM_KERNELS = {"armv5": "v5", "armv6": "v6", "armv7": "v7", "armv8": "v8", "aarch64": "v8"}
_ARM = ("v8", "v7", "v6", "v5")
_Offer = TypeVar("_Offer")


@dataclass(frozen=True, slots=True)
class Platform:
    """``linux/arm/v7``; the variant is "" for an architecture's baseline."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> "Platform":
        """Return the platform under its usual name: x86_64 is amd64, arm64/v8 is arm64."""
        architecture, variant = architecture.lower(), variant.lower()
        architecture, implied = _ALIASES.get(architecture, (architecture, ""))
        variant = variant or implied
        if (architecture, variant) in _BASELINES:
            variant = ""
        if architecture == "arm" and variant and not variant.startswith("v"):
            variant = f"v{variant}"
        return cls(os.lower(), architecture, variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def platform_of_engine(version: Mapping[str, Any], info: Mapping[str, Any]) -> Platform:
    """Return what ``GET /version`` and ``GET /info`` tell: the kernel's name has the variant."""
    architecture = str(version.get("Arch", ""))
    kernel = str(info.get("Architecture", ""))
    variant = ""
    if architecture == "arm":
        variant = next((v for word, v in _ARM_KERNELS.items() if kernel.startswith(word)), "v7")
    return Platform.of(str(version.get("Os", "linux")), architecture, variant)


def choose(
    machine: Platform, offers: Iterable[tuple[Platform, _Offer]]
) -> tuple[Platform, _Offer] | None:
    """Return the offer that suits ``machine`` best, None when it can run none of them."""
    by_platform: dict[Platform, _Offer] = {}
    for platform, offer in offers:
        by_platform.setdefault(_whole(platform), offer)
    found = next((each for each in _runnable(machine) if each in by_platform), None)
    return None if found is None else (found, by_platform[found])


def runs_on(machine: Platform, image: Platform) -> bool:
    """Tell whether the machine can run an image; what an image doesn't state isn't held against it.

    Images for old ARM machines often state no variant.
    """
    if image.os not in ("", machine.os):
        return False
    if not image.architecture:
        return True
    if image.architecture == "arm" and not image.variant:
        return any(each.architecture == "arm" for each in _runnable(machine))
    return image in _runnable(machine)


def _whole(platform: Platform) -> Platform:
    """Return ARM without a variant as what it means in an index."""
    if platform.architecture == "arm" and not platform.variant:
        return Platform(platform.os, "arm", "v7")
    return platform


def _runnable(machine: Platform) -> list[Platform]:
    """Return what the machine can run, best first: 64-bit ARM runs 32-bit programs, too."""
    system, variants = machine.os, _ARM
    if machine.architecture == "arm":
        first = _ARM.index(machine.variant) if machine.variant in _ARM else 1
        return [Platform(system, "arm", each) for each in _ARM[first:]]
    if machine.architecture == "arm64":
        return [machine, *(Platform(system, "arm", each) for each in variants)]
    return [machine]
