"""Build the agent's wheels, with all that they need, into wheels/: what a device installs from.

wheels/requirements.txt pins each wheel by hash; wheels/release.json holds the version, to which a
local part is added that changes with the wheels (0.1.0+3fa9c1d2).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "wheels"
PACKAGES = ("services/contract", "services/pki", "edge/agent")


def sources() -> list[Path]:
    """Return the files that the wheels are made of."""
    found = [ROOT / "uv.lock", Path(__file__)]
    for package in PACKAGES:
        found.append(ROOT / package / "pyproject.toml")
        found += (ROOT / package / "src").rglob("*.py")
    return sorted(found)


def fingerprint() -> str:
    """Return a hash of everything that goes in."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def pins() -> str:
    """Return what the lock names for the agent beside our own packages, with hashes."""
    return run(
        "uv", "export", "--quiet", "--frozen", "--package", "iotistic-agent", "--no-dev",
        "--no-default-groups", "--no-emit-workspace", "--no-header", "--no-annotate",
    )  # fmt: skip


def third_party(folder: Path) -> None:
    """Download what the lock names for the agent, verified by hash."""
    requirements = folder / "third-party.txt"
    requirements.write_text(pins())
    pip = Path(shutil.which("uv") or "uv").resolve().parent / "python"
    run(
        str(pip), "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--require-hashes", "--dest", str(folder),
        "--requirement", str(requirements),
    )  # fmt: skip
    requirements.unlink()


def run(*command: str) -> str:
    """Run a command in the project and return what it prints; its errors go to ours."""
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def pinned(folder: Path) -> str:
    """Return a line for each wheel in the folder: name, version, hash."""
    lines = []
    for wheel in sorted(folder.glob("*.whl")):
        name, version = re.match(r"([^-]+)-([^-]+)-", wheel.name).groups()  # type: ignore[union-attr]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name.replace('_', '-').lower()}=={version} --hash=sha256:{digest}\n")
    return "".join(lines)


def build() -> str:
    """Build everything beside the old folder, then take its place; return the version."""
    version = tomllib.loads((ROOT / "edge/agent/pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".wheels-") as temporary:
        folder = Path(temporary) / "wheels"
        folder.mkdir()
        for package in PACKAGES:
            run(
                "uv", "build", "--quiet", "--wheel", "--no-build-isolation",
                "--python", sys.executable, "--out-dir", str(folder), package,
            )  # fmt: skip
        (folder / ".gitignore").unlink(missing_ok=True)
        third_party(folder)
        requirements = pinned(folder)
        local = hashlib.sha256(requirements.encode()).hexdigest()[:8]
        (folder / "requirements.txt").write_text(requirements)
        release = {"version": f"{version}+{local}", "sources": fingerprint()}
        (folder / "release.json").write_text(json.dumps(release) + "\n")
        if TARGET.exists():
            shutil.rmtree(TARGET)
        folder.rename(TARGET)
    return str(release["version"])


def main() -> int:
    """Build unless wheels/ holds what the sources would give."""
    try:
        current = json.loads((TARGET / "release.json").read_text())["sources"] == fingerprint()
    except (OSError, ValueError, KeyError):
        current = False
    if not current:
        print(f"wheels: building the agent ({build()})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
