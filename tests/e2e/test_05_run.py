"""`./run` killed while apt works leaves nothing that the next one doesn't take back."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from .demo_site import ROOT, wait_for

THEIRS = "#!/bin/sh\nexit 101\n"
CLUSTERS = "# Debian's\nssl = on\n"
# The program's own functions on files of the test's own, with an apt that never ends.
SETTINGS = (
    'source ./run; policy="$1/policy-rc.d"; clusters="$1/createcluster.conf"; sudo=(); '
    "apt() { case $1$# in update1 | install3) ;; "
    '*) touch "${policy%/*}/at-work"; sleep 60 ;; esac; }; '
)


def shell(folder, script):
    """Start bash with `run`'s functions; its settings are files in ``folder``."""
    return subprocess.Popen(
        ["bash", "-c", SETTINGS + script, "run", str(folder)],
        cwd=ROOT,
        start_new_session=True,
    )


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "createcluster.conf").write_text(CLUSTERS)
    return tmp_path


def held(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != "at-work"}


def installing(machine):
    """Start an installation; return it when both files are changed and apt is at work."""
    process = shell(machine, "install_packages postgresql mosquitto")
    wait_for((machine / "at-work").exists)
    return process


def test_what_a_killed_installation_left_is_taken_back_by_the_next_run(machine):
    process = installing(machine)
    assert "exit 101" in held(machine)["policy-rc.d"]
    assert "create_main_cluster = false" in held(machine)["createcluster.conf"]
    assert shell(machine, "take_back").wait() == 0
    assert "policy-rc.d" in held(machine)  # its maker lives
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "policy-rc.d" in held(machine)
    assert shell(machine, "take_back").wait() == 0
    assert held(machine) == {"createcluster.conf": CLUSTERS}


def test_an_installation_that_is_ended_takes_back_its_own(machine):
    process = installing(machine)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    wait_for(lambda: held(machine) == {"createcluster.conf": CLUSTERS})  # by a shell below it


def test_somebody_elses_policy_stays(machine):
    (machine / "policy-rc.d").write_text(THEIRS)
    process = installing(machine)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert shell(machine, "take_back").wait() == 0
    assert held(machine) == {"policy-rc.d": THEIRS, "createcluster.conf": CLUSTERS}


WANTS_A_BROWSER = [
    ("demo open acme", ":0", True),
    ("demo open", "", False),
    ("demo open acme -- --headless=new --dump-dom", "", True),
    ("demo", ":0", False),
    ("demo status", ":0", False),
    ("test", "", True),
    ("test contract e2e", "", True),
    ("test dashboard", "", True),
    ("test contract", ":0", False),
    ("lint", ":0", False),
]


@pytest.mark.parametrize(("command", "display", "wanted"), WANTS_A_BROWSER)
def test_a_browser_is_brought_only_where_one_is_run(command, display, wanted):
    script = 'source ./run; wants_browser "$@"'
    environment = os.environ | {"DISPLAY": display, "WAYLAND_DISPLAY": ""}
    found = subprocess.run(
        ["bash", "-c", script, "run", *command.split()], cwd=ROOT, env=environment, check=False
    )
    assert (found.returncode == 0) is wanted


@pytest.mark.parametrize(("command", "lacks"), [("demo open", True), ("demo up", False)])
def test_what_a_browser_needs_is_missing_like_all_else(tmp_path, command, lacks):
    script = 'source ./run; PATH=$0; missing_packages "$@"'
    told = subprocess.run(
        ["bash", "-c", script, str(tmp_path), *command.split()],
        cwd=ROOT,
        env=os.environ | {"DISPLAY": ":0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ({"chromium", "libnss3-tools"} <= set(told.stdout.split())) is lacks
