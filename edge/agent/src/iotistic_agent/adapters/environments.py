"""Makes the environment of one release out of its bundle, as the install script does."""

import asyncio
import os
import platform
import shutil
import struct
import sys
import sysconfig
import tarfile
from pathlib import Path

from iotistic_agent.adapters.program import COMPLETE
from iotistic_agent.faults import UpgradeFailed, UpgradeLater
from iotistic_contract.agent_release import Bundle
from iotistic_pki.files import write_atomic

__all__ = ["check_room", "machine", "make_environment", "own_python"]

_REQUIREMENTS = "requirements.txt"
_UNPACKED = 6
_ENVIRONMENT_BYTES = 20 * 2**20
_TOLD = 300


def own_python() -> str:
    """Return the version of Python that this process runs on, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def machine() -> str:
    """Return the architecture whose wheels this Python takes."""
    found = platform.machine()
    return "armv7l" if struct.calcsize("P") == 4 and found in {"aarch64", "armv8l"} else found


def check_room(folder: Path, bundle: Bundle) -> None:
    """Raise UpgradeFailed when there is no room for bundle, wheels, and what they become."""
    needed = bundle.size * _UNPACKED + _ENVIRONMENT_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UpgradeFailed(
            f"{folder} has {free // 2**20} MB free, {needed // 2**20} MB are needed"
        )


async def make_environment(folder: Path, bundle: Path, released: str) -> None:
    """Install the bundle's wheels, each with its hash, into a new environment at ``folder``.

    The file ``complete`` comes last. Its programs hold its path, so it is made where it stays.
    """
    wheels = bundle.with_name("wheels")
    await asyncio.to_thread(_remove, folder)
    await asyncio.to_thread(_unpack, bundle, wheels)
    python = Path(sys.base_prefix) / "bin" / f"python{own_python()}"
    await _run(bundle.parent, str(python), "-I", "-m", "venv", "--without-pip", str(folder))
    requirements = wheels / _REQUIREMENTS
    await _run(
        bundle.parent, str(folder / "bin/python"), "-I", f"{_pip_wheel()}/pip",
        "--isolated", "install", "--quiet", "--disable-pip-version-check", "--no-index",
        "--no-cache-dir", "--require-hashes", "--find-links", str(wheels),
        "--requirement", str(requirements),
    )  # fmt: skip
    write_atomic(folder / _REQUIREMENTS, requirements.read_bytes())
    await asyncio.to_thread(os.sync)
    write_atomic(folder / COMPLETE, f"{released}\n".encode("ascii"))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _unpack(bundle: Path, wheels: Path) -> None:
    """Write the plain files of a tar file into a new folder; any other kind is refused."""
    wheels.mkdir()
    try:
        with tarfile.open(bundle) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or "/" in member.name:
                    raise UpgradeFailed(f"the bundle holds {member.name!r}: not a file of its own")
                with (wheels / member.name).open("wb") as file:
                    shutil.copyfileobj(content, file)
    except tarfile.TarError as exc:
        raise UpgradeFailed(f"the bundle can't be read: {exc}") from None


def _pip_wheel() -> Path:
    """Return Python's own wheel of pip, which does without being installed."""
    beside = Path(sysconfig.get_path("stdlib")) / "ensurepip/_bundled"
    told = sysconfig.get_config_var("WHEEL_PKG_DIR")
    folders = [Path(told)] if told else []
    for folder in (*folders, Path("/usr/share/python-wheels"), beside):
        for path in sorted(folder.glob("pip-*.whl")):
            return path
    raise UpgradeFailed("this Python has no wheel of pip. Debian: apt-get install python3-venv")


async def _run(workplace: Path, *command: str) -> None:
    """Run a program to its end; cancelled, it is killed.

    It has nowhere but ``workplace`` for temporary files: as a service, the agent can't write /tmp.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        umask=0o022,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TMPDIR": str(workplace)},
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        said = errors.decode("utf-8", "replace").strip()[-_TOLD:]
        raise UpgradeLater(f"{Path(command[0]).name} ended with {process.returncode}: {said}")
