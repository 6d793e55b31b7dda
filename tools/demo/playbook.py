"""`up` and `destroy`: the playbooks, and what is said when they have ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from .guard import PROGRAMS, ROOT
from .progress import Follower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .site import Site

__all__ = ["destroy", "up"]

STARTED = "IOTISTIC_RUN_STARTED"  # when `run` began, in seconds since 1970


def up(site: Site, arguments: Sequence[str]) -> int:
    """Make the site so, and say what runs where; further arguments go to ansible-playbook."""
    began = float(os.environ.get(STARTED) or time.time())
    bundles = [sys.executable, str(ROOT / "tools/release.py"), "bundles"]
    subprocess.run(bundles, cwd=ROOT, check=True)
    with Follower(site, began, first=not site.exists) as follower:
        code = _playbook(site, "site.yml", arguments)
    table = site.state / "site.txt"
    if code == 0 and table.exists():
        print(table.read_text())
        print(f"Done in {time.time() - began:.0f} s.{follower.first_device()}")
    elif code:
        told = f"; logs are in {site.log}, and ./run demo logs shows them" if site.exists else ""
        print(f"\ndemo: the run ended with an error{told}", file=sys.stderr)
    return code


def destroy(site: Site, arguments: Sequence[str]) -> int:
    """Remove the site whole."""
    return _playbook(site, "destroy.yml", arguments)


def _playbook(site: Site, name: str, arguments: Sequence[str]) -> int:
    """Run a playbook on the demo's inventory; return its exit code."""
    environment = os.environ | {
        "IOTISTIC_STATE": str(site.state),
        "IOTISTIC_NET": site.net,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    }
    command = [
        str(PROGRAMS / "ansible-playbook"), "-i", str(ROOT / "inventories/demo"),
        str(ROOT / "playbooks" / name), *arguments,
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
