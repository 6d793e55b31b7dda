"""One demo site for all the tests of this folder, which run in the order of their names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .demo_site import DemoSite, Device

DEVICES = [
    Device("acme-gateway", "5f0e8f4e-2a64-4d0a-9a57-6a9e1d1f6b01", "acme"),
    Device("acme-press", "0b9d5a6c-7f0b-4c55-8d36-19e6a6b1c902", "acme"),
    Device("globex-barn", "c3a1f0d2-9b1e-4f77-b2c4-7d5e8a90de03", "globex"),
]


def folder_for(name: str) -> Path:
    """Return a folder that the database's user can reach, too."""
    base = Path("/var/tmp") / f"iotistic-test-{os.geteuid()}"  # noqa: S108
    base.mkdir(mode=0o755, exist_ok=True)
    return base / name


def make(name: str, net: str) -> DemoSite:
    """Return a site of this name, with nothing of an earlier test run left."""
    site = DemoSite(folder_for(name), net)
    if site.state.exists() or site.processes():
        site.run("destroy")
        shutil.rmtree(site.state, ignore_errors=True)
    return site


@pytest.fixture(scope="session")
def site():
    """The site of most tests; made by the first one, destroyed at the end."""
    made = make("demo", "127.78.0.0/24")
    yield made
    if made.state.exists() and not os.environ.get("IOTISTIC_KEEP"):
        made.run("destroy")


@pytest.fixture(scope="session")
def devices() -> list[Device]:
    return DEVICES
