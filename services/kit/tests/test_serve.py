"""A service on granian, seen from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

HOST = "127.77.4.1"
PROGRAM = """
import sys
from iotistic_kit import cli, logs
from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import PUBLIC, needs
from iotistic_kit.openapi import operation
from iotistic_kit.serve import serve
from iotistic_kit.settings import ServiceSettings, read_settings

class Hello:
    @operation("Hello", access=PUBLIC)
    async def on_get(self, req, resp):
        resp.media = {"hello": "world"}

class Guarded:
    @operation("Guarded", access=needs("admin"))
    async def on_get(self, req, resp):
        resp.media = {}

def make():
    logs.configure("hello", "info")
    app = ServiceApp()
    app.add_route("/hello", Hello())
    app.add_route("/guarded", Guarded())
    return app

def main(arguments):
    serve("hello_service:make", read_settings(ServiceSettings))
    return 0

if __name__ == "__main__":
    sys.exit(cli.run(main))
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "hello_service.py").write_text(PROGRAM)
    started = []

    def run(port, **settings):
        process = subprocess.Popen(
            [sys.executable, "hello_service.py"],
            cwd=tmp_path,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(tmp_path),
                "HOST": HOST,
                "PORT": str(port),
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def get(url):
    until = time.monotonic() + 8
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 -- our own
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            return exc.code, json.load(exc)
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_it_answers_refuses_and_stops(start):
    port = free_port()
    process = start(port)
    assert get(f"http://{HOST}:{port}/hello") == (200, {"hello": "world"})
    status, problem = get(f"http://{HOST}:{port}/guarded?token=hidden")
    assert (status, problem["code"]) == (401, "unauthorized")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    refused = [event for event in events if event["event"] == "request_answered"]
    assert [(e["path"], e["status"], e["service"]) for e in refused] == [("/guarded", 401, "hello")]
    assert "hidden" not in out


REFUSED = [
    ({}, "stop what listens there, or set HOST and PORT"),
    ({"HOST": "127.77.4.2", "TLS_CERT_FILE": "/nowhere.pem"}, "set both or neither"),
    ({"PORT": "many"}, "PORT: Input should be a valid integer"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_it_says_in_one_line_why_it_cannot_start(start, settings, message):
    with socket.create_server((HOST, 0)) as taken:
        process = start(taken.getsockname()[1], **settings)
        out, err = process.communicate(timeout=8)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert message in err
