# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of supervised processes, secrets and manifests of a site."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.iotistic.platform.plugins.module_utils import _processes, _supervisor


@pytest.fixture
def site():
    """The options that every process of a site shares; the site is taken away at the end."""
    base = Path(tempfile.mkdtemp(prefix="io-"))  # short: a socket's path holds 107 bytes
    site_id = secrets.token_hex(4)
    options = {
        "site_id": site_id,
        "site_state": str(base / "state"),
        "site_run": str(base / "run"),
        "programs": str(Path(sys.executable).parent),
    }
    yield options
    _processes.end(_processes.site_processes(site_id))
    shutil.rmtree(base)


def pid_of(site, name):
    return _supervisor.running(f"{site['site_run']}/supervisor.sock").get(name)


@pytest.mark.real
def test_a_process_runs_once_follows_its_configuration_and_goes(run, site, tmp_path):
    configuration = tmp_path / "sleeper.conf"
    configuration.write_text("one")
    sleeper = {"name": "sleeper", "command": ["sleep", "60"], "watch": [str(configuration)]}

    predicted = run("process", check=True, **sleeper, **site)
    assert (predicted["changed"], Path(site["site_state"]).exists()) == (True, False)
    started = run("process", **sleeper, **site)
    assert started["diff"] == predicted["diff"]
    first = pid_of(site, "sleeper")
    assert not run("process", **sleeper, **site)["changed"]
    assert pid_of(site, "sleeper") == first

    configuration.write_text("two")
    assert run("process", **sleeper, **site)["changed"]
    assert pid_of(site, "sleeper") not in {first, None}

    gone = {"name": "sleeper", "state": "absent"}
    assert run("process", **gone, **site)["changed"]
    assert not run("process", **gone, **site)["changed"]
    assert pid_of(site, "sleeper") is None


@pytest.mark.real
def test_a_killed_supervisor_is_started_again(run, site):
    sleeper = {"name": "sleeper", "command": ["sleep", "60"]}
    run("process", **sleeper, **site)
    held = _processes.site_processes(site["site_id"])
    supervisor = next(filter(_processes.is_supervisor, held))
    os.kill(supervisor.pid, signal.SIGKILL)
    assert _processes.wait_gone(held, 8) == ()  # the guard takes the program with it
    assert run("process", **sleeper, **site)["changed"]
    assert not run("process", **sleeper, **site)["changed"]


@pytest.mark.real
def test_a_process_that_ends_at_once_shows_its_last_lines(run, site):
    talker = {"name": "talker", "command": ["sh", "-c", "echo no database; exit 3"], "timeout": 2}
    failed = run("process", failing=True, **talker, **site)
    assert "no database" in failed["msg"]


def test_secrets_are_made_once_and_never_shown(run, tmp_path):
    wanted = {"path": str(tmp_path / "secrets"), "names": ["token", "password"]}
    assert run("secret_files", check=True, **wanted)["created"] == ["token", "password"]
    assert not (tmp_path / "secrets").exists()
    made = run("secret_files", **wanted)
    held = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(held) == {"token", "password"}
    assert not any(secret in json.dumps(made) for secret in held.values())
    assert not run("secret_files", **wanted)["changed"]
    (tmp_path / "secrets/token").unlink()
    assert run("secret_files", **wanted)["created"] == ["token"]
    assert (tmp_path / "secrets/password").read_text() == held["password"]


def test_a_manifest_follows_its_files(run, tmp_path):
    file = tmp_path / "mosquitto.conf"
    file.write_text("listener 8883\n")
    wanted = {"path": str(tmp_path / "manifest.json"), "files": [str(file)]}
    assert run("file_manifest", check=True, **wanted)["changed"]
    assert run("file_manifest", **wanted)["changed"]
    assert not run("file_manifest", **wanted)["changed"]
    file.write_text("listener 1883\n")
    assert run("file_manifest", **wanted)["changed"]
    file.unlink()
    assert "mosquitto.conf" in run("file_manifest", failing=True, **wanted)["msg"]
