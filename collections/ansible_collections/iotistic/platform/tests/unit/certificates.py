# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root, a server's certificate under it, and another root that signed nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iotistic_pki import ca
from iotistic_pki.keys import KeyKind, new_key, write_private

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "127.77.8.1"


@dataclass(frozen=True)
class Certificates:
    """Paths of what a TLS server and its clients need."""

    root: Path
    stranger: Path
    chain: Path
    key: Path


def made_certificates(folder):
    """Return fresh certificates for the address of the tests."""
    key = new_key(KeyKind.P256)
    with ca.create_root(folder / "root", "Test") as root:
        leaf = root.issue(key.public_key(), ca.server(addresses=[ADDRESS]))
    ca.create_root(folder / "stranger", "Stranger").close()
    chain, path = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(ca.pem(leaf))
    write_private(path, key)
    return Certificates(folder / "root/ca.pem", folder / "stranger/ca.pem", chain, path)
