"""Copy the contract and the PKI into the collection, or prove that the copies are fresh.

Module code runs where only Ansible is installed, so it carries its own copy of both packages. A
copy differs from its source in two things: imports of a sibling package name the collection's path,
and a first line says what it is. That line also keeps ansible-test's pylint away, which would judge
it for Python 3.8. Its import test has no library cryptography, so it is told to skip the PKI.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = ROOT / "collections/ansible_collections/iotistic/platform"
MODULE_UTILS = COLLECTION / "plugins/module_utils"
IGNORES = {core: COLLECTION / f"tests/sanity/ignore-{core}.txt" for core in ("2.16", "2.19")}
COLLECTION_PATH = "ansible_collections.iotistic.platform.plugins.module_utils"
PACKAGES = {
    "iotistic_contract": (ROOT / "services/contract/src/iotistic_contract", "_contract"),
    "iotistic_pki": (ROOT / "services/pki/src/iotistic_pki", "_pki"),
}
HEADER = "# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file\n"
IMPORT = re.compile(
    r"^(?P<head>\s*(?:from|import)\s+)(?P<package>iotistic_(?:contract|pki))\b", re.MULTILINE
)


def vendored(text: str) -> str:
    """Return a source text as a copy: marked, its imports of the vendored packages rewritten."""

    def collection_path(match: re.Match[str]) -> str:
        _, folder = PACKAGES[match["package"]]
        return f"{match['head']}{COLLECTION_PATH}.{folder}"

    return HEADER + IMPORT.sub(collection_path, text)


def wanted_files() -> dict[Path, str]:
    """Return what the copies must hold, text by path, of Python files only; and the ignores."""
    copies = {
        MODULE_UTILS / folder / path.relative_to(source): vendored(path.read_text("utf-8"))
        for source, folder in PACKAGES.values()
        for path in sorted(source.rglob("*.py"))
    }
    return copies | {path: ignored(copies, core) for core, path in IGNORES.items()}


def ignored(copies: Iterable[Path], core: str) -> str:
    """Return the lines that keep an ansible-test from what it can't judge.

    None can import the PKI; that of 2.16 wants packages of module_utils to be empty.
    """
    paths = sorted(path.relative_to(COLLECTION) for path in copies)
    skipped = [f"{path} import-3.11!skip\n" for path in paths if "_pki" in path.parts]
    if core == "2.16":
        skipped += [f"{path} empty-init!skip\n" for path in paths if path.name == "__init__.py"]
    return "".join(sorted(skipped))


def present_files() -> set[Path]:
    """Return the files that the copies hold now."""
    folders = (MODULE_UTILS / folder for _, folder in PACKAGES.values())
    copies = (path for folder in folders for path in folder.rglob("*"))
    found = {path for path in copies if path.is_file() and "__pycache__" not in path.parts}
    return found | {path for path in IGNORES.values() if path.exists()}


def stale(wanted: dict[Path, str], present: set[Path]) -> list[Path]:
    """Return the files of the copies that are missing, different, or too many."""
    different = {
        path
        for path, text in wanted.items()
        if path not in present or path.read_text("utf-8") != text
    }
    return sorted(different | (present - wanted.keys()))


def copy(wanted: dict[Path, str], paths: list[Path]) -> None:
    """Write or remove each of the paths."""
    for path in paths:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()


def main() -> int:
    """Copy what is stale; with --check name it and fail."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail when stale")
    arguments = parser.parse_args()
    wanted = wanted_files()
    paths = stale(wanted, present_files())
    for path in paths:
        sys.stdout.write(f"{'stale' if arguments.check else 'copied'}: {path.relative_to(ROOT)}\n")
    if arguments.check:
        return bool(paths)
    copy(wanted, paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
