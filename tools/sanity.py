"""Run the collection's checks: ansible-test sanity and integration, ansible-lint, antsibull-docs.

ansible-test wants a collection in a tree `ansible_collections/NAMESPACE/NAME`, and brings tools of
its own with pip. Both are prepared here: a copy in a cache folder, and pip from Python's ensurepip
in the place where ansible-test would download it to.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ansible_test

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = Path("ansible_collections/iotistic/platform")
BIN = Path(sys.executable).parent
PATH = f"PATH={BIN}:{os.defpath}"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BOOTSTRAP = "import ensurepip\nensurepip.bootstrap()\n"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "output", ".pytest_cache", ".plugin-cache.yaml")


def prepare_pip() -> None:
    """Put Python's own pip where ansible-test looks for its download, unless it was there."""
    package = Path(ansible_test.__path__[0])
    source = (package / "_internal" / "python_requirements.py").read_text("utf-8")
    cache = Path.home() / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"pip='([0-9.]+)'", source)):
        script = cache / f"get_pip_{version.replace('.', '_')}.py"
        if not script.exists():
            script.write_text(BOOTSTRAP, "utf-8")


def copied(cache: Path) -> Path:
    """Return a fresh copy of the collection, in the layout that ansible-test wants."""
    copy = cache / COLLECTION
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "collections" / COLLECTION, copy, ignore=LEFT_OUT)
    return copy


def commands(copy: Path, only: list[str]) -> list[list[str]]:
    """Return what is to be run in the copy; `only` names single sanity tests."""
    tests = [argument for name in only for argument in ("--test", name)]
    local = ["--local", "--python", PYTHON, "--color", "no"]
    sanity = [str(BIN / "ansible-test"), "sanity", *local]
    stories = [str(BIN / "ansible-test"), "integration", *local]
    docs = [str(BIN / "antsibull-docs"), "lint-collection-docs", "--plugin-docs"]
    docs += ["--skip-rstcheck", "--validate-collection-refs", "self", str(copy)]
    lint = [str(BIN / "ansible-lint"), "--offline", "--nocolor", "--profile", "production", "."]
    return [[*sanity, *tests], *([] if only else [stories, docs, lint])]


def main() -> int:
    """Prepare, run, and return the worst exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("test", nargs="*", help="single sanity tests, such as validate-modules")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/iotistic/sanity")
    arguments = parser.parse_args()
    prepare_pip()
    copy = copied(arguments.cache)
    worst = 0
    for command in commands(copy, arguments.test):
        done = subprocess.run(["env", PATH, *command], cwd=copy, check=False)
        outcome = "failed" if done.returncode else "passed"
        sys.stdout.write(f"{' '.join([Path(command[0]).name, command[1]])}: {outcome}\n")
        sys.stdout.flush()
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
