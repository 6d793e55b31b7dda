# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's release: between a task's words and the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._contract.times import format_time

try:
    from ._pki.release import ReleaseFolder
except ImportError:  # modules tell it, by _requirements.require_cryptography
    ReleaseFolder = None

if TYPE_CHECKING:
    from ._contract.planning.plan import Plan

__all__ = ["facts", "folder_from"]


def folder_from(params: dict[str, Any]) -> ReleaseFolder:
    """Return the folder that a task names."""
    return ReleaseFolder(
        Path(params["path"]),
        Path(params["key_file"]),
        Path(params["bundles"]),
        Path(params["installer"]),
    )


def facts(folder: ReleaseFolder, planned: Plan) -> dict[str, Any]:
    """Return what the module tells of a release that is there or planned."""
    manifest = folder.manifest()
    return {
        "version": planned.after["version"],
        "released": "" if manifest is None else format_time(manifest.released),
        "architectures": [bundle["arch"] for bundle in planned.after["bundles"]],
        "fingerprint": folder.fingerprint() or "",
        "public_key": folder.public_key() or "",
    }
