"""What `./run demo` makes of its arguments, before anything runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from .demo_site import ROOT

SPEC = importlib.util.spec_from_file_location("demo", ROOT / "tools/demo.py")
demo = importlib.util.module_from_spec(SPEC)
sys.modules["demo"] = demo  # where dataclasses look
SPEC.loader.exec_module(demo)

ACTIONS = [
    ([], "up", []),
    (["up", "-C"], "up", ["-C"]),
    (["destroy"], "destroy", []),
    (["destroy", "--check"], "destroy", ["--check"]),
    (["--limit", "destroy"], "up", ["--limit", "destroy"]),
    (["--tags", "up", "destroy"], "up", ["--tags", "up", "destroy"]),
]


@pytest.mark.parametrize(("arguments", "action", "passed"), ACTIONS)
def test_the_action_is_the_first_argument_or_up(arguments, action, passed):
    assert demo.action_from(arguments) == (action, passed)


def run_demo(state, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "tools/demo.py"), *arguments],
        env=os.environ | {"IOTISTIC_STATE": str(state), "IOTISTIC_NET": "127.79.1.0/24"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_unknown_action_is_told_and_begins_nothing(tmp_path):
    told = run_demo(tmp_path / "site", "destory")
    assert (told.returncode, "no action destory" in told.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    told = run_demo(tmp_path / "file/site")
    assert (told.returncode, "no site can be at" in told.stderr) == (2, True)
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("check", ["-C", "-CD", "--check"])
def test_the_lock_of_a_site_that_is_still_there_stays(tmp_path, check):
    state = tmp_path / "site"
    site = demo.Site(state, "127.79.1.0/24")
    state.mkdir()
    (state / "site.json").write_text(f'{{"id": "{site.id}"}}')
    done = run_demo(state, "destroy", check)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (state.exists(), site.lock.exists()) == (True, True)
    done = run_demo(state, "destroy")
    assert done.returncode == 0, done.stdout[-3000:]
    assert list(tmp_path.iterdir()) == []
