"""The keys of phase 1 and 2 as they stand in their folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_pki.wrapping import ProvisioningKeys

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["ProvisioningKeyFolder"]


class ProvisioningKeyFolder:
    """Reads the keys again when another process has replaced the current one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: int | None = None
        self._keys: ProvisioningKeys | None = None

    def keys(self, now: datetime) -> ProvisioningKeys:
        """Return current key, last key and MAC secret."""
        path = self._folder / "current.pem"
        stamp = path.stat().st_mtime_ns if path.exists() else None
        if self._keys is None or stamp != self._stamp:
            self._keys = ProvisioningKeys.ensure(self._folder, now)
            self._stamp = path.stat().st_mtime_ns
        return self._keys
