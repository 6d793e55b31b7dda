"""`./run demo` where no site can be, and its lock while there is one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tools.demo.site import Site

from .demo_site import ROOT


def run_demo(state, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.demo", *arguments],
        cwd=ROOT,
        env=os.environ | {"IOTISTIC_STATE": str(state), "IOTISTIC_NET": "127.79.1.0/24"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_place_where_no_folder_can_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    told = run_demo(tmp_path / "file/site")
    assert (told.returncode, "no site can be at" in told.stderr) == (2, True)
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("check", ["-C", "-CD", "--check"])
def test_the_lock_of_a_site_that_is_still_there_stays(tmp_path, check):
    state = tmp_path / "site"
    site = Site(state, "127.79.1.0/24")
    state.mkdir()
    (state / "site.json").write_text(f'{{"id": "{site.id}"}}')
    done = run_demo(state, "destroy", check)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (state.exists(), site.lock.exists()) == (True, True)
    done = run_demo(state, "destroy")
    assert done.returncode == 0, done.stdout[-3000:]
    assert list(tmp_path.iterdir()) == []
