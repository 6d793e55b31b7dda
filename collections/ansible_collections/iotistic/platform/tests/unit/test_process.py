# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of supervised processes, secrets and manifests of a site."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from ansible_collections.iotistic.platform.plugins.module_utils import _processes, _supervisor
from ansible_collections.iotistic.platform.plugins.module_utils._contract.planning.process import (
    HIDDEN,
    HIDDEN_BEFORE,
)


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


@pytest.fixture
def cluster():
    """An initialised PostgreSQL that its own user can reach, and who that is."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="io-pg-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    arguments = ["--pgdata", folder / "data", "--username", "postgres", "--auth", "trust"]
    subprocess.run(
        [*as_user, programs / "initdb", *arguments, "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    yield {
        "name": "database",
        "user": user,
        "directory": str(folder),
        "command": [
            str(programs / "postgres"), "-D", str(folder / "data"),
            "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}",
        ],
        "socket": str(folder / ".s.PGSQL.5432"),
    }  # fmt: skip
    shutil.rmtree(folder)


@pytest.mark.real
def test_postgresql_with_a_client_stops_within_seconds_and_in_order(run, site, cluster):
    Path(site["site_run"]).parent.chmod(0o755)
    run("process", **cluster, stop_signal="INT", **site)
    client = psycopg.connect(host=cluster["directory"], user="postgres", dbname="postgres")
    with contextlib.closing(client):
        client.execute("SELECT 1")
        begun = time.monotonic()
        run("process", name="database", state="absent", **site)
        assert time.monotonic() - begun < 8
    log = (Path(site["site_state"]) / "log/database.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log


@pytest.mark.real
def test_a_file_that_alone_changes_is_shown_exactly_and_without_secrets(run, site):
    """Check mode and the run show the same diff; a value whose name says so is in neither."""
    environment = {"PORT": "1", "API_TOKEN": "t0p-secret", "TOKEN_FILE": "/srv/token"}
    sleeper = {"name": "sleeper", "command": ["sleep", "60"], "environment": environment}
    made = run("process", **sleeper, **site)
    path = Path(site["site_state"]) / "supervisor/env/sleeper.env"
    text = path.read_text()
    path.write_text(text.replace("PORT=1", "PORT=2").replace("t0p-secret", "other-secret"))
    predicted = run("process", check=True, **sleeper, **site)
    assert path.read_text() != text
    repaired = run("process", **sleeper, **site)
    assert repaired["diff"] == predicted["diff"]
    assert predicted["diff"][0]["before"] == predicted["diff"][0]["after"]
    assert predicted["diff"][1:] == [
        {
            "before_header": str(path),
            "after_header": str(path),
            "before": text.replace("PORT=1", "PORT=2").replace("t0p-secret", HIDDEN_BEFORE),
            "after": text.replace("t0p-secret", HIDDEN),
        }
    ]
    assert "-secret" not in json.dumps([made["diff"], predicted["diff"]])
    assert run("process", **sleeper, **site)["diff"][1:] == []


@pytest.mark.real
def test_a_supervisor_that_lost_its_socket_is_replaced(run, site):
    """The folder of sockets goes with the session that made the site; what runs stays."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listening = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    server = {"name": "server", "command": listening, "host": "127.0.0.1", "port": port}
    run("process", **server, **site)
    shutil.rmtree(site["site_run"])
    assert run("process", **server, **site)["changed"]
    assert not run("process", **server, **site)["changed"]
    held = _processes.site_processes(site["site_id"])
    assert len(list(filter(_processes.is_supervisor, held))) == 1


def open_to_others(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o755)


def a_link(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / "theirs").mkdir(mode=0o700)
    folder.symlink_to("theirs")


def somebody_elses(folder):
    folder.mkdir(mode=0o700)
    try:
        os.chown(folder, 65534, 65534)
    except PermissionError:
        pytest.skip("only root can give a folder away")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (open_to_others, "open to others (mode 0755)"),
        (a_link, "isn't a folder"),
        (somebody_elses, "belongs to another user (uid 65534)"),
    ],
)
def test_no_socket_is_put_where_others_could_be(run, site, make, word):
    make(Path(site["site_run"]))
    refused = run("process", failing=True, name="sleeper", command=["sleep", "60"], **site)
    assert word in refused["msg"]
    assert not Path(site["site_state"]).exists()


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
