"""Stop and start of a site with a real supervisor, also one that lost its socket or is ending."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socketserver
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import certifi
import pytest

from tools.demo import lifecycle
from tools.demo.lifecycle import start, stop
from tools.demo.processes import Process, await_end, site_processes, supervisors
from tools.demo.site import Site
from tools.demo.status import look
from tools.demo.supervisor import Supervisor

pytestmark = pytest.mark.timeout(60)
CONFIGURATION = """\
[unix_http_server]
file={run}/supervisor.sock
[supervisord]
logfile={state}/log/supervisord.log
pidfile={run}/supervisord.pid
childlogdir={state}/log
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """\
[program:{name}]
command={command}
startsecs=0
stopwaitsecs=60
stdout_logfile=NONE
redirect_stderr=true
"""


class NoContainers(BaseHTTPRequestHandler):
    """An engine that has no containers."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def engine_at(path):
    with socketserver.UnixStreamServer(str(path), NoContainers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def site(tmp_path):
    """A site whose one program is `sleep`; what still runs of it in the end is killed."""
    run = Path(tempfile.mkdtemp(prefix="iot-", dir="/tmp"))  # a socket's path is short
    site = Site(tmp_path, "127.79.1.0/24")
    for folder in ("log", "pki/root", "supervisor/conf.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "site.json").write_text(json.dumps({"run": str(run)}))
    (tmp_path / "supervisor/conf.d/dockerd.conf").touch()  # it has an engine of its own
    shutil.copy(certifi.where(), site.root_ca)
    user = "" if os.geteuid() else "user=root"
    facts = CONFIGURATION.format(run=run, state=tmp_path, user=user)
    site.supervisor_configuration.write_text(
        facts + PROGRAM.format(name="sleeper", command="sleep 600")
    )
    with engine_at(site.engine_socket):
        yield site
    for process in site_processes(site.id):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await_end(lambda: site_processes(site.id), 5)
    shutil.rmtree(run)


def programs(site):
    return sorted(process.program for process in site_processes(site.id))


def add(site, name, on_term):
    """Add a program that does something else than to end when it is to."""
    loop = f"trap '{on_term}' TERM; touch {site.state}/ready; while :; do sleep 0.1; done"
    with site.supervisor_configuration.open("a") as file:
        file.write(PROGRAM.format(name=name, command=f'sh -c "{loop}"'))


def await_ready(site):
    while not (site.state / "ready").exists():
        time.sleep(0.05)


def test_a_site_is_started_and_stopped(site, capsys):
    assert start(site, []) == 0
    assert start(site, []) == 0
    assert programs(site) == ["sleep", "supervisord"]
    assert stop(site, []) == 0
    assert programs(site) == []
    assert stop(site, []) == 0
    assert capsys.readouterr().out.endswith("The site is stopped already.\n")


def test_a_lost_socket_is_no_stopped_site(site, capsys):
    start(site, [])
    site.supervisor_socket.unlink()
    (pid,) = (process.pid for process in supervisors(site.id))
    assert look(site).troubles == [
        f"its supervisor, process {pid}, doesn't answer: ./run demo start"
    ]
    assert stop(site, []) == 0
    assert programs(site) == []
    assert "Stopped in" in capsys.readouterr().out


def test_a_start_ends_a_supervisor_that_lost_its_socket(site):
    start(site, [])
    site.supervisor_socket.unlink()
    before = site_processes(site.id)
    assert start(site, []) == 0
    assert programs(site) == ["sleep", "supervisord"]
    assert not {process.pid for process in before} & {one.pid for one in site_processes(site.id)}
    assert [program.state for program in Supervisor(site.supervisor_socket).programs()] == [
        "RUNNING"
    ]


def test_what_does_not_end_is_told_and_a_stop_may_be_repeated(site, capsys, monkeypatch):
    monkeypatch.setattr(lifecycle, "STOP_SECONDS", 0.3)
    add(site, "stubborn", on_term="")
    start(site, [])
    await_ready(site)
    supervisor = Supervisor(site.supervisor_socket)
    supervisor.stop("stubborn")
    supervisor.stop("stubborn")  # is STOPPING
    supervisor.start("sleeper")  # is RUNNING
    for _ in range(2):  # the second one finds the supervisor ending
        assert stop(site, []) == 1
        told = capsys.readouterr()
        assert "Stopped" not in told.out
        assert told.err.startswith("demo: not stopped; there still is ")
        assert "supervisord (" in told.err
        assert "sh (" in told.err


def test_a_start_waits_for_what_is_stopping_and_starts_it(site, monkeypatch):
    monkeypatch.setattr(lifecycle, "PATIENCE", 10)
    add(site, "slow", on_term="sleep 1; exit")
    start(site, [])
    await_ready(site)
    supervisor = Supervisor(site.supervisor_socket)
    supervisor.stop("slow")
    assert supervisor.program("slow").state == "STOPPING"
    assert start(site, []) == 0
    assert supervisor.program("slow").well


def test_patience_begins_anew_with_each_that_ends():
    a, b = Process(1, "a"), Process(2, "b")
    clock = iter(range(100))
    looks = iter([[a, b], [a, b], [a], [a], []])
    assert await_end(lambda: next(looks), 3, lambda: next(clock), lambda _: None) == ()
    looks, clock = iter([[a, b], [a], [a], [a]]), iter(range(100))
    assert await_end(lambda: next(looks), 3, lambda: next(clock), lambda _: None) == (a,)
