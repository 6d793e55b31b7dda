"""A frozen process, such as that of a paused container, doesn't keep the guard waiting."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

FREEZER = Path("/sys/fs/cgroup/freezer")
UNIFIED = Path("/sys/fs/cgroup")


@pytest.fixture
def frozen_group(tmp_path):
    """Yield a new cgroup and what to write where to freeze it."""
    name = f"iotistic-test-{tmp_path.name}"
    if FREEZER.is_dir():
        group, file, word = FREEZER / name, "freezer.state", "FROZEN"
    else:
        group, file, word = UNIFIED / name, "cgroup.freeze", "1"
    group.mkdir()
    yield group, group / file, word
    group.rmdir()


@pytest.mark.real
def test_a_frozen_descendant_is_ended(frozen_group):
    group, file, word = frozen_group
    guard = subprocess.Popen(
        [sys.executable, "-m", "iotistic_kit.guard", "--grace", "0.2", "--", "sleep", "60"]
    )
    deadline = time.monotonic() + 5
    children = Path(f"/proc/{guard.pid}/task/{guard.pid}/children")
    while not children.read_text().split():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (group / "cgroup.procs").write_text(children.read_text().split()[0])
    file.write_text(word)
    guard.terminate()
    assert guard.wait(timeout=10) != 0
