"""The hash of the code that tenants are made from."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CodeHash"]

# What reaches a tenant: playbook, roles, modules, the programs that it runs and their libraries.
DEPLOYED = (
    "playbooks/tenant_apply.yml",
    "playbooks/group_vars",
    "roles",
    "collections/ansible_collections/iotistic/platform/plugins",
    "services/contract/src",
    "services/pki/src",
    "services/kit/src",
    "services/tenant_api/src",
    "services/dashboard/src",
    "uv.lock",
)
# Roles of the platform and of devices: a change there changes no tenant.
ELSEWHERE = frozenset(
    {"agent_release", "billing", "demo_images", "docker_engine", "docker_registry", "edge_agent"}
)
LEFT_OUT = frozenset({"__pycache__", "README.md", "tests", "molecule"})
LOOKS = 5

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class CodeHash:
    """Hashes the files below ``project``, again only when a size or a time of change differs."""

    project: Path
    _stamp: Stamp = ()
    _hash: str = field(default="")

    def current(self) -> str:
        """Return the hash in hex; files that come and go meanwhile have it looked at again."""
        for _ in range(LOOKS):
            with contextlib.suppress(FileNotFoundError):
                return self._looked()
        return self._looked()

    def _looked(self) -> str:
        files = sorted(self._files())
        stamp = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
        if stamp != self._stamp or not self._hash:
            self._hash, self._stamp = self._hashed(files), stamp
        return self._hash

    def _hashed(self, files: list[Path]) -> str:
        total = hashlib.sha256()
        for path in files:
            name = str(path.relative_to(self.project)).encode()
            total.update(len(name).to_bytes(4, "big") + name)
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _files(self) -> Iterator[Path]:
        for name in DEPLOYED:
            root = self.project / name
            if root.is_file():
                yield root
            for path in root.rglob("*") if root.is_dir() else ():
                parts = path.relative_to(self.project).parts
                if path.is_file() and not _left_out(parts):
                    yield path


def _left_out(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith(".") for part in parts)
    elsewhere = parts[0] == "roles" and len(parts) > 1 and parts[1] in ELSEWHERE
    return hidden or elsewhere or bool(LEFT_OUT.intersection(parts))
