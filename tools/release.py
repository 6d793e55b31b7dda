"""Make what devices install the agent from: bundles of wheels, and a signed release of them.

    tools/release.py bundles                              for this machine and its Python
    tools/release.py bundles --arch x86_64 aarch64 --python 3.11 3.12 3.13
    tools/release.py script                               the install script, to look at
    tools/release.py sign --key FILE --dest FOLDER        what the role agent_release does

Bundles lie in build/bundles: a tar file for each architecture, and bundles.json. A bundle holds
wheels only, so an architecture without a wheel of each dependency is refused (armv7l: cffi has
none on PyPI).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import wheels
from iotistic_contract.agent_release import ARCHITECTURES, Bundle, Bundles, composed
from iotistic_contract.codec import encode
from iotistic_contract.planning.agent_release import ReleaseKeyDiffers, plan
from iotistic_pki.release import BUNDLES, ReleaseFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = wheels.ROOT
TARGET = ROOT / "build/bundles"
PACKAGING = ROOT / "edge/agent/packaging"
OTHER_PYTHONS = PACKAGING / "other-pythons.txt"
OURS = "iotistic_*.whl"
# glibc of Debian 11 and later; the newest first, as pip prefers it.
PLATFORMS = ("manylinux_2_31", "manylinux_2_28", "manylinux_2_17", "manylinux2014")


def own_python() -> str:
    """Return the version of Python that wheels/ is for."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def download(folder: Path, pins: Path, arch: str, python: str) -> None:
    """Download the wheels of other packages for one architecture and one Python, by hash."""
    pip = Path(shutil.which("uv") or "uv").resolve().parent / "python"
    platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_{arch}")]
    wheels.run(
        str(pip), "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--no-deps", "--require-hashes", "--implementation", "cp",
        "--python-version", python, *platforms, "--dest", str(folder), "--requirement", str(pins),
    )  # fmt: skip


def with_other_pythons(pins: str, others: str) -> str:
    """Return the lock's pins, with the hashes of wheels for Pythons that the lock isn't for.

    ValueError when the lock has another version of one of those packages.
    """
    extra: dict[str, list[str]] = {}
    pin = ""
    for line in (text.partition("#")[0].strip() for text in others.splitlines()):
        if "==" in line:
            pin = line
            extra[pin] = []
        elif line:
            extra[pin].append(line)
    for pin, hashes in extra.items():
        found = re.search(rf"^{re.escape(pin)}(?![0-9.]).*\\\n", pins, re.MULTILINE)
        if found is None:
            raise ValueError(f"uv.lock has no {pin}: renew {OTHER_PYTHONS.name}")
        lines = "".join(f"    {digest} \\\n" for digest in hashes)
        pins = pins[: found.end()] + lines + pins[found.end() :]
    return pins


def requirements(folder: Path) -> str:
    """Return a line for each package in the folder, with the hash of each of its wheels."""
    hashes = defaultdict(list)
    for line in wheels.pinned(folder).splitlines():
        pin, digest = line.split(" ")
        hashes[pin].append(digest)
    return "".join(f"{pin} {' '.join(found)}\n" for pin, found in sorted(hashes.items()))


def packed(folder: Path) -> bytes:
    """Return the folder's files as a tar file that is the same for the same files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)
    return stream.getvalue()


def bundle(dest: Path, content: Path, version: str, arch: str, pythons: Iterable[str]) -> Bundle:
    """Pack the wheels in ``content`` into ``dest``."""
    (content / "requirements.txt").write_text(requirements(content))
    name = f"iotistic-agent-{version}-{arch}.tar"
    packed_bytes = packed(content)
    (dest / name).write_bytes(packed_bytes)
    return Bundle(
        arch=arch,
        file=name,
        sha256=hashlib.sha256(packed_bytes).hexdigest(),
        size=len(packed_bytes),
        pythons=tuple(pythons),
    )


def gather(content: Path, arch: str, pythons: list[str]) -> None:
    """Put all wheels for one architecture into ``content``."""
    here = arch == platform.machine() and pythons == [own_python()]
    content.mkdir()
    for wheel in wheels.TARGET.glob("*.whl" if here else OURS):
        shutil.copy(wheel, content)
    if here:
        return
    pins = content / "pins"
    pins.write_text(with_other_pythons(wheels.pins(), OTHER_PYTHONS.read_text()))
    for python in pythons:
        download(content, pins, arch, python)
    pins.unlink()


def build(version: str, wanted: Mapping[str, object]) -> None:
    """Build all bundles beside the old ones, then take their place."""
    architectures, pythons = list(wanted["arch"]), list(wanted["python"])  # type: ignore[call-overload]
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent, prefix=".bundles-") as temporary:
        dest = Path(temporary) / "bundles"
        dest.mkdir()
        made = []
        for arch in architectures:
            content = Path(temporary) / arch
            gather(content, arch, pythons)
            made.append(bundle(dest, content, version, arch, pythons))
        document = encode(Bundles(version=version, bundles=tuple(made)))
        (dest / BUNDLES).write_text(json.dumps(document) + "\n")
        (dest / "wanted.json").write_text(json.dumps(wanted) + "\n")
        if TARGET.exists():
            shutil.rmtree(TARGET)
        dest.rename(TARGET)


def bundles(chosen: argparse.Namespace) -> int:
    """Build the bundles unless those that are there were made of the same."""
    wheels.main()
    version = json.loads((wheels.TARGET / "release.json").read_text())["version"]
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    wanted = {
        "version": version,
        "arch": sorted(set(chosen.arch)),
        "python": sorted(set(chosen.python), key=lambda text: int(text.partition(".")[2])),
        "tool": own,
    }
    try:
        current = json.loads((TARGET / "wanted.json").read_text()) == wanted
    except (OSError, ValueError):
        current = False
    if not current:
        names = ", ".join(wanted["arch"])
        print(f"release: bundling the agent {version} for {names}", file=sys.stderr)
        try:
            build(version, wanted)
        except (subprocess.CalledProcessError, ValueError) as error:
            reason = error if isinstance(error, ValueError) else "not every wheel is to be had"
            print(f"release: {reason}; nothing was changed", file=sys.stderr)
            return 1
    return 0


def sign(chosen: argparse.Namespace) -> int:
    """Write the release unless it is there and sound."""
    folder = ReleaseFolder(chosen.dest, chosen.key, TARGET, PACKAGING)
    actual, wanted = folder.read(datetime.now(UTC)), folder.wanted()
    try:
        planned = plan(actual, wanted, replace_key=chosen.replace_key)
    except ReleaseKeyDiffers as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    planned.apply(folder)
    print(json.dumps({"changed": planned.changed, "publicKey": folder.public_key()}))
    return 0


def script(_chosen: argparse.Namespace) -> int:
    """Print the install script as it is before a release: for shellcheck."""
    parts = {path.name: path.read_text() for path in PACKAGING.glob("*.[ps][yh]")}
    sys.stdout.write(composed(parts))
    return 0


def python_version(text: str) -> str:
    """Return a version such as 3.11."""
    if not re.fullmatch(r"3\.1[1-9]", text):
        raise argparse.ArgumentTypeError("a version of Python from 3.11 on")
    return text


def main(arguments: list[str]) -> int:
    """Read the command and do it."""
    parser = argparse.ArgumentParser(prog="release", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build_ = commands.add_parser("bundles", help="build build/bundles")
    build_.add_argument("--arch", nargs="+", choices=ARCHITECTURES, default=[platform.machine()])
    build_.add_argument("--python", nargs="+", type=python_version, default=[own_python()])
    build_.set_defaults(run=bundles)
    sign_ = commands.add_parser("sign", help="make the release key if it is missing, and sign")
    sign_.add_argument("--key", type=Path, required=True, help="the release key's file")
    sign_.add_argument("--dest", type=Path, required=True, help="the release's folder")
    sign_.add_argument(
        "--replace-key", action="store_true", help="sign anew what another key has signed"
    )
    sign_.set_defaults(run=sign)
    script_ = commands.add_parser("script", help="print the install script, not yet released")
    script_.set_defaults(run=script)
    chosen = parser.parse_args(arguments)
    return int(chosen.run(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
