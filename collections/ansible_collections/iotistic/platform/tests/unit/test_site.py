# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of a site that goes: real processes, real folders, an engine in memory."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible_collections.iotistic.platform.plugins.module_utils import (
    _bridges,
    _processes,
    _supervisor,
)
from ansible_collections.iotistic.platform.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.iotistic.platform.plugins.module_utils.site import Site, place_from

STUBBORN = (
    "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"
)


class MemoryEngine:
    """Objects of an engine by kind and id, with their labels, behind a unix socket."""

    def __init__(self, path):
        self.path = str(path)
        self.objects = {"containers": {}, "networks": {}, "volumes": {}}

    def answer(self, method, target):
        """Return status and JSON."""
        parts = urlsplit(target)
        kind, key = re.fullmatch(r"/(containers|networks|volumes)/?(.*)", parts.path).groups()
        if method == "DELETE":
            found = self.objects[kind].pop(unquote(key), None)
            return (204, None) if found else (404, {"message": "no such object"})
        label = json.loads(parse_qs(parts.query)["filters"][0])["label"][0]
        found = [name for name, held in self.objects[kind].items() if held == label]
        views = [{"Id": name, "Name": name, "Names": [f"/{name}"]} for name in found]
        return 200, ({"Volumes": views or None} if kind == "volumes" else views)

    def handler(self):
        """Return the class that answers requests."""
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self):
                status, answer = engine.answer(self.command, self.path)
                text = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_DELETE = _do  # noqa: N815 - http.server wants them

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        return Handler


class Started:
    """A site on this machine: folder, sockets, and processes that a test starts."""

    def __init__(self, base):
        self.id = secrets.token_hex(4)
        self.path = base / "state"
        self.run = base / f"iotistic-{self.id}"
        for folder in (self.path / "tenants/dc5fec42", self.run):
            folder.mkdir(parents=True)
        (self.path / "site.json").write_text(json.dumps({"id": self.id}))
        (self.path / "tenants/dc5fec42/fence").write_text("3\n")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.run / "signer.sock"))
        self.processes = []

    @property
    def options(self):
        return {"id": self.id, "path": str(self.path), "run": str(self.run)}

    def start(self, *command, site=None):
        """Start a process of this site, or of another one."""
        environment = {"IOTISTIC_SITE": site or self.id, "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, start_new_session=True
        )
        self.processes.append(process)
        return process

    def close(self):
        self._socket.close()
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture
def site():
    base = Path(tempfile.mkdtemp(prefix="io-"))  # short: a socket's path holds 107 bytes
    started = Started(base)
    yield started
    started.close()
    shutil.rmtree(base)


@pytest.fixture
def engine(site):
    served = MemoryEngine(site.run / "docker.sock")
    ours, theirs = f"iotistic.site={site.id}", "iotistic.site=00000000"
    served.objects["containers"] = {"c1": ours, "c2": ours, "other": theirs}
    served.objects["networks"] = {"net": ours, "other": theirs}
    served.objects["volumes"] = {"vol": ours, "other": theirs}
    server = socketserver.ThreadingUnixStreamServer(served.path, served.handler())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_whole_site_goes_and_nothing_else(run, site, engine):
    process = site.start("sleep", "60")
    stranger = site.start("sleep", "60", site="00000000")
    options = {**site.options, "engines": [engine.path]}

    predicted = run("site", check=True, **options)
    assert predicted["removed"] == {
        "processes": [f"{process.pid} sleep"],
        "containers": ["c1", "c2"],
        "networks": ["net"],
        "volumes": ["vol"],
        "paths": [str(site.run), str(site.path)],
    }
    assert (process.poll(), len(engine.objects["containers"])) == (None, 3)

    gone = run("site", **options)
    assert (gone["changed"], gone["diff"]) == (True, predicted["diff"])
    assert process.wait(1) == -signal.SIGTERM
    assert stranger.poll() is None
    assert {kind: list(held) for kind, held in engine.objects.items()} == {
        "containers": ["other"],
        "networks": ["other"],
        "volumes": ["other"],
    }
    assert not site.path.exists()
    assert not site.run.exists()

    again = run("site", **site.options)
    assert (again["changed"], again["removed"]) == (False, {})


def test_a_process_that_won_t_leave_is_ended(run, site, monkeypatch):
    monkeypatch.setattr(_processes, "GRACE", 0.2)
    process = site.start(sys.executable, "-c", STUBBORN)
    assert process.stdout.readline() == b"1\n"
    assert run("site", **site.options)["changed"]
    assert process.wait(1) == -signal.SIGKILL


def supervised(site, **programs):
    """Start a supervisor with these programs."""
    supervisord = Path(sys.executable).parent / "supervisord"
    configuration = site.path / "supervisord.conf"
    configuration.write_text(
        f"[unix_http_server]\nfile={site.run}/supervisor.sock\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory="
        "supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[supervisord]\nlogfile={site.path}/log\npidfile={site.path}/pid\nnodaemon=true\n"
        + "".join(
            f"[program:{name}]\ncommand={command}\nautorestart=true\nstartsecs=0\n"
            for name, command in programs.items()
        )
    )
    process = site.start(str(supervisord), "-c", str(configuration))
    _wait_until(lambda: set(_programs(site)) == set(programs) and _has_forked(site, programs))
    return process


def test_the_site_s_own_engine_stays_until_it_is_empty(site):
    engine = site.path / "dockerd"
    engine.symlink_to("/bin/sleep")
    supervised(site, agent="sleep 60", engine=f"{engine} 60")
    place = place_from({**site.options, "engines": None})
    _wait_until(lambda: len(Site(place).read().processes) == 2)
    assert Site(place).read().programs == ("agent",)


def test_bridges_of_a_killed_engine_are_told_by_its_own_store(site, monkeypatch, tmp_path):
    for name in ("br-0123456789ab", "br-ffffffffffff", "br-000000000000"):
        (tmp_path / name / "bridge").mkdir(parents=True)
    (tmp_path / "br-aaaaaaaaaaaa").mkdir()  # a link of another kind
    monkeypatch.setattr(_bridges, "LINKS", tmp_path)
    store = site.path / "docker/network/files/local-kv.db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"\0\1br-0123456789ab\0br-ffffffffffff\0br-aaaaaaaaaaaa\0br-dddddddddddd\0")
    place = place_from({**site.options, "engines": []})
    assert Site(place).read().bridges == ("br-0123456789ab", "br-ffffffffffff")


def test_the_supervisor_goes_before_what_it_would_start_again(run, site):
    process = supervised(site, agent="sleep 60")
    predicted = run("site", check=True, **site.options)
    assert sorted(each.split()[1] for each in predicted["removed"]["processes"]) == [
        "sleep",
        "supervisord",
    ]
    assert run("site", **site.options)["changed"]
    assert process.wait(1) == 0
    assert not run("site", **site.options)["changed"]


def _programs(site):
    return _supervisor.running(str(site.run / "supervisor.sock"))


def _has_forked(site, programs):
    """Whether each program is more than a copy of the supervisor by now."""
    found = _processes.site_processes(site.id)
    return len([each for each in found if not _processes.is_supervisor(each)]) == len(programs)


def _wait_until(condition):
    deadline = time.monotonic() + 8
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_killed_run_left_is_still_a_site(run, site):
    (site.path / "tenants/dc5fec42/fence").unlink()
    (site.path / "site.json").unlink()
    assert run("site", **site.options)["changed"]
    assert not site.path.exists()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda site: (site.path / "site.json").unlink(), "/path"),
        (lambda site: (site.path / "site.json").write_text('{"id": "00000000"}'), "/id"),
        (lambda site: (site.path / "site.json").write_text("no JSON"), "/id"),
        (lambda site: {"id": "../etc"}, "/id"),
        (lambda site: {"path": "/home"}, "/path"),
        (lambda site: {"run": "/run/systemd"}, "/run"),
        (lambda site: {"path": str(_link(site))}, "/path"),
    ],
)
def test_what_isn_t_the_site_is_refused(run, site, change, place):
    changed = change(site)
    options = {**site.options, **(changed if isinstance(changed, dict) else {})}
    process = site.start("sleep", "60")
    refused = run("site", failing=True, **options)
    assert refused["msg"].startswith(place)
    assert process.poll() is None
    assert (site.path / "tenants/dc5fec42/fence").exists()


def test_the_folder_of_sockets_is_the_one_that_the_site_wrote_down(run, site):
    """A session's XDG_RUNTIME_DIR differs from that of the session that made the site."""
    (site.path / "site.json").write_text(json.dumps({"id": site.id, "run": str(site.run)}))
    elsewhere = site.path.parent / f"elsewhere-{site.id}"
    gone = run("site", **{**site.options, "run": str(elsewhere)})
    assert gone["removed"]["paths"] == [str(site.run), str(site.path)]
    assert not site.run.exists()


@pytest.mark.parametrize("place", ["/path", "/run"])
def test_another_user_s_site_is_left_alone(run, site, monkeypatch, place):
    theirs = {"/path": site.path / "site.json", "/run": site.run}[place]
    lstat = Path.lstat

    def foreign(path):
        found = lstat(path)
        fields = list(found)
        fields[stat.ST_UID] += path == theirs
        return os.stat_result(fields)

    monkeypatch.setattr(Path, "lstat", foreign)
    refused = run("site", failing=True, **site.options)
    assert refused["msg"].startswith(f"{place}: {theirs} belongs to another user")
    assert site.run.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_an_engine_that_lets_us_ask_nothing_is_told(run, site, engine):
    """A user outside the group docker is told what to do, not that nothing is left."""
    Path(engine.path).chmod(0o600)
    for folder in (site.path.parent, site.run):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(EngineError, match="Join the group docker"):
            Engine(engine.path).objects(site.id)
    finally:
        os.seteuid(0)


def test_an_engine_that_goes_between_looking_and_asking_holds_nothing(site, monkeypatch):
    monkeypatch.setattr(Path, "is_socket", lambda _path: True)
    assert Engine(str(site.run / "gone.sock")).objects(site.id) == ()


def _link(site):
    link = site.path.parent / "link"
    link.symlink_to(site.path)
    return link


def test_an_engine_that_refuses_is_told_and_the_folder_stays(run, site, engine, monkeypatch):
    refuse = {"message": "network has active endpoints"}
    answer = engine.answer

    def refusing(method, target):
        return (403, refuse) if target.startswith("/networks/net") else answer(method, target)

    monkeypatch.setattr(engine, "answer", refusing)
    failed = run("site", failing=True, **site.options, engines=[engine.path])
    assert failed["msg"] == "network net can't be removed: network has active endpoints"
    assert (site.path / "site.json").exists()
