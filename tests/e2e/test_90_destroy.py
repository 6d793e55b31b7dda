"""Destroy leaves nothing of the site, and nothing of anybody else is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]


def test_destroy_leaves_nothing(site):
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        removed = site.run("destroy")
        assert removed.returncode == 0, removed.stdout[-4000:]
        assert not site.state.exists()
        assert not site.run_folder.exists()
        assert not site.processes()
        assert not mounts_below(site.state)
        assert not list(site.state.parent.glob(f".{site.state.name}*"))
        links = subprocess.run(
            ["ip", "-br", "link"], capture_output=True, text=True, check=False
        ).stdout
        assert "br-" not in links or Path("/var/run/docker.sock").exists()
        assert bystander.poll() is None
    finally:
        bystander.kill()


def test_destroy_of_nothing_is_fine(site):
    again = site.run("destroy")
    assert again.returncode == 0, again.stdout[-4000:]
    assert not site.state.exists()
