"""Destroy leaves nothing of the site, and nothing of anybody else is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]


def test_destroy_leaves_nothing(site):
    bridges = [f"br-{network[:12]}" for network in site.docker("network", "ls", "-q").split()]
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        removed = site.run("destroy")
        assert removed.returncode == 0, removed.stdout[-4000:]
        assert not site.state.exists()
        assert not site.run_folder.exists()
        assert not site.processes()
        assert not mounts_below(site.state)
        assert not list(site.state.parent.glob(f".{site.state.name}*"))
        assert not [name for name in bridges if Path(f"/sys/class/net/{name}").exists()]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_destroy_of_nothing_is_fine(site):
    again = site.run("destroy")
    assert again.returncode == 0, again.stdout[-4000:]
    assert not site.state.exists()
