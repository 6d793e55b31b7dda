# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""A release of the agent for devices: its manifest, its install script, the command to paste."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .codec import check_fields
from .errors import ContractError
from .schema import SCHEMA

__all__ = [
    "ARCHITECTURES",
    "INSTALLER",
    "MANIFEST",
    "MANIFEST_SIGNATURE",
    "PUBLIC_KEY",
    "SIGNATURE",
    "Bundle",
    "Bundles",
    "Manifest",
    "composed",
    "install_command",
    "release_time",
    "released_script",
]

INSTALLER, SIGNATURE = "install.sh", "install.sh.sig"
PUBLIC_KEY = "release.pem"
MANIFEST, MANIFEST_SIGNATURE = "manifest.json", "manifest.json.sig"
ARCHITECTURES = ("aarch64", "armv7l", "x86_64")

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*(\+[0-9a-z]{1,16})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"3\.[1-9][0-9]")
_INCLUDED = re.compile(
    r"^(?:@include (?P<shell>\S+)@|(?P<variable>[A-Z]+)=@python (?P<python>\S+)@)$", re.MULTILINE
)
_LARGEST = 256 * 1024 * 1024


def _matches(pattern: re.Pattern[str], text: str, pointer: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise ContractError(pointer, f"not {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All wheels that one architecture needs, as a tar file, for some versions of Python."""

    arch: str
    file: str
    sha256: str
    size: int
    pythons: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)
        if self.arch not in ARCHITECTURES:
            raise ContractError("arch", f"one of {', '.join(ARCHITECTURES)}")
        name = re.compile(rf"iotistic-agent-{_VERSION.pattern}-{self.arch}\.tar")
        _matches(name, self.file, "file", f"iotistic-agent-<version>-{self.arch}.tar")
        _matches(_SHA256, self.sha256, "sha256", "64 lower-case hex digits")
        if not 1 <= self.size <= _LARGEST:
            raise ContractError("size", f"from 1 to {_LARGEST} bytes")
        if not self.pythons:
            raise ContractError("pythons", "at least one version of Python")
        for index, python in enumerate(self.pythons):
            _matches(_PYTHON, python, f"pythons/{index}", "a version of Python such as 3.11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """What a build made: one version, a bundle for each architecture."""

    version: str
    bundles: tuple[Bundle, ...]

    def __post_init__(self) -> None:
        _matches(_VERSION, self.version, "version", "a version such as 0.1.0+3fa9c1d2")
        if not self.bundles:
            raise ContractError("bundles", "at least one")
        architectures = [bundle.arch for bundle in self.bundles]
        if len(set(architectures)) != len(architectures):
            raise ContractError("bundles", "two for one architecture")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a release folder holds.

    ``key`` is the SHA-256 (hex) of the release key's SubjectPublicKeyInfo in DER, ``installer`` the
    SHA-256 of the script as it was before the release's facts were written into it.
    """

    version: str
    released: datetime
    key: str
    installer: str
    bundles: tuple[Bundle, ...]
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        Bundles(version=self.version, bundles=self.bundles)
        _matches(_SHA256, self.key, "key", "64 lower-case hex digits")
        _matches(_SHA256, self.installer, "installer", "64 lower-case hex digits")

    @property
    def files(self) -> frozenset[str]:
        """Names of all files of the release: what may be downloaded, and nothing else."""
        bundles = {bundle.file for bundle in self.bundles}
        signed = {INSTALLER, SIGNATURE, MANIFEST, MANIFEST_SIGNATURE}
        return frozenset({PUBLIC_KEY} | signed | bundles)

    def bundle_for(self, arch: str, python: str) -> Bundle | None:
        """Return the bundle for a machine and a version of Python (3.11), None without one."""
        fits = (one for one in self.bundles if one.arch == arch and python in one.pythons)
        return next(fits, None)


def composed(parts: Mapping[str, str]) -> str:
    """Return the install script with the other parts in it, by file name.

    A line ``@include x.sh@`` becomes that file, ``NAME=@python x.py@`` that program as a variable.
    ContractError for a part that isn't there.
    """

    def part(match: re.Match[str]) -> str:
        name = match["shell"] or match["python"]
        if name not in parts:
            raise ContractError("", f"the install script wants {name}, which isn't there")
        if match["shell"]:
            return parts[name].rstrip("\n")
        return f"{match['variable']}={shlex.quote(parts[name])}"

    if INSTALLER not in parts:
        raise ContractError("", f"there is no {INSTALLER}")
    return _INCLUDED.sub(part, _INCLUDED.sub(part, parts[INSTALLER]))


def released_script(template: str, manifest: Manifest, public_key: str) -> str:
    """Return the install script with the release's facts in the place of its marks.

    ``public_key`` (PEM) is what the agent will verify later releases by. ContractError for a text
    in which a mark is missing or stands twice.
    """
    lines = "\n".join(
        f"{bundle.arch} {bundle.file} {bundle.sha256} {bundle.size} {','.join(bundle.pythons)}"
        for bundle in manifest.bundles
    )
    facts = {
        "VERSION": manifest.version,
        "RELEASED": release_time(manifest.released),
        "KEY": public_key.strip(),
        "BUNDLES": lines,
    }
    for name, fact in facts.items():
        if template.count(f"@{name}@") != 1:
            raise ContractError("", f"the install script has not exactly one mark @{name}@")
        template = template.replace(f"@{name}@", fact)
    return template


def install_command(origin: str, public_key: str, released: datetime) -> str:
    """Return the one line by which a person installs the agent on a device.

    It fetches script and signature from ``<origin>/install``, verifies them by ``public_key``
    (PEM), and runs the script, which must not be of an older release than ``released``. curl
    verifies no certificate (the device doesn't know the tenant's CA yet): nothing that comes is
    used before the signature has been verified.
    """
    url = shlex.quote(f"{origin}/install")
    lines = " ".join(shlex.quote(line) for line in public_key.strip().splitlines())
    files = f"-sigfile {SIGNATURE} -in {INSTALLER}"
    steps = (
        'cd "$(mktemp -d)"',
        f"u={url}",
        f"printf '%s\\n' {lines} >{PUBLIC_KEY}",
        f'curl -fsSk -O "$u/{INSTALLER}" -O "$u/{SIGNATURE}"',
        f"openssl pkeyutl -verify -rawin -pubin -inkey {PUBLIC_KEY} {files}",
        f'$(command -v sudo) sh {INSTALLER} --from "$u" --not-older-than {release_time(released)}',
    )
    return f"( {' && '.join(steps)} )"


def release_time(time: datetime) -> str:
    """Return when something was released, in digits, as install script and environments say it."""
    return f"{time:%Y%m%d%H%M%S}"
