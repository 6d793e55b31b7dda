"""A service on granian, seen from outside."""

import contextlib
import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from iotistic_kit.cli import run
from iotistic_kit.serve import serve
from iotistic_kit.settings import ServiceSettings

HOST = "127.77.4.1"
GUARD = [sys.executable, "-m", "iotistic_kit.guard", "--"]
PROGRAM = """
import sys
from iotistic_kit import cli, logs
from iotistic_kit.app import ServiceApp
from iotistic_kit.auth import PUBLIC, needs
from iotistic_kit.errors import StopError
from iotistic_kit.lifespan import Lifespan
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

class Broken:
    async def open(self):
        raise StopError("no database at 127.0.0.1:1; start it")

    async def close(self): ...

class Body:
    @operation("Body", access=PUBLIC, request={"type": "object"})
    async def on_post(self, req, resp):
        resp.media = {"size": len(await req.plain_body())}

class Slow:
    @operation("Slow", access=PUBLIC, request={"type": "object"}, body_seconds=1)
    async def on_post(self, req, resp):
        resp.media = {"size": len(await req.plain_body())}

    @operation("Slow", access=needs("admin"), request={"type": "object"})
    async def on_put(self, req, resp):
        resp.media = {}

def make():
    logs.configure("hello", "info")
    app = ServiceApp()
    app.add_route("/body", Body())
    app.add_route("/slow", Slow())
    app.add_route("/hello", Hello())
    app.add_route("/guarded", Guarded())
    return app

def broken():
    return ServiceApp(middleware=[Lifespan([Broken()])])

def main(arguments):
    factory = arguments[0] if arguments else "make"
    serve(f"hello_service:{factory}", read_settings(ServiceSettings))
    return 0

if __name__ == "__main__":
    sys.exit(cli.run(main))
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "hello_service.py").write_text(PROGRAM)
    started = []

    def run(port, *arguments, **settings):
        process = subprocess.Popen(
            [*GUARD, sys.executable, "hello_service.py", *arguments],
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
            process.terminate()
        process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def get(url, context=None):
    until = time.monotonic() + 8
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310 -- our own
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
    ({"host": "127.77.4.2", "tls_cert_file": "/nowhere.pem"}, "set both or neither"),
    (
        {"host": "127.77.4.2", "tls_cert_file": "/nowhere.pem", "tls_key_file": "/nowhere.key"},
        "can't use /nowhere.pem with /nowhere.key",
    ),
    ({"host": "192.0.2.1"}, "Cannot assign requested address"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_it_says_in_one_line_why_it_cannot_start(capsys, settings, message):
    with socket.create_server((HOST, 0)) as taken:
        told = {"host": HOST, "port": taken.getsockname()[1], **settings}
        code = run(lambda _arguments: serve("nothing:make", ServiceSettings(**told)), [])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert message in err


@pytest.mark.real
def test_a_part_that_cannot_be_opened_ends_it_without_a_traceback(start):
    process = start(free_port(), "broken", WORKERS="2")
    out, _ = process.communicate(timeout=8)
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert process.returncode == 1
    assert "start_refused: no database at 127.0.0.1:1; start it" in events
    assert "Traceback" not in out


def exchange(port, request):
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


CHUNKED = b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.real
def test_a_chunked_gzip_body_is_bounded_too(start):
    port = free_port()
    start(port)
    get(f"http://{HOST}:{port}/hello")
    chunk = gzip.compress(b"a" * 5000)
    good = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunk), chunk)
    answer = exchange(port, CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + good)
    assert answer.endswith(b'{"size":5000}')
    bomb = gzip.compress(b"a" * (17 * 1024 * 1024))
    bad = b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb)
    answer = exchange(port, CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + bad)
    assert answer.startswith(b"HTTP/1.1 413 ")


def drip(port, head, byte, times):
    """Send ``head`` and then ``byte`` each 50 ms; return the answer, and when it was whole."""
    with socket.create_connection((HOST, port), timeout=0.05) as connection:
        connection.sendall(head)
        begun, answer = time.monotonic(), b""
        for _ in range(times):
            with contextlib.suppress(TimeoutError):
                while chunk := connection.recv(65536):
                    answer += chunk
                break
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(byte)
        return answer, time.monotonic() - begun


HEAD = b"%s /slow HTTP/1.1\r\nHost: x\r\n"
DRIPS = [
    (b"POST", b"Content-Length: 1000\r\n\r\n", b"a", 408, "too_slow", 1.0),
    (b"POST", b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", 408, "too_slow", 1.0),
    (b"POST", b"Content-Length: 1000\r\n\r\n", b"", 408, "too_slow", 1.0),
    (b"PUT", b"Content-Length: 1000\r\n\r\n", b"a", 401, "unauthorized", 0.0),
    (b"PUT", b"Content-Length: 1000\r\n\r\n", b"", 401, "unauthorized", 0.0),
]


@pytest.mark.real
def test_a_body_that_drips_is_cut_off_and_one_in_time_is_taken(start):
    port = free_port()
    start(port)
    get(f"http://{HOST}:{port}/hello")
    for method, head, byte, status, code, least in DRIPS:
        answer, seconds = drip(port, HEAD % method + head, byte, times=100)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (method, head, answer)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == code
        assert least <= seconds < least + 1.5, "the connection is closed, and soon"
    head = HEAD % b"POST" + b"Connection: close\r\nContent-Length: 5\r\n\r\n"
    assert drip(port, head, b"a", times=20)[0].endswith(b'{"size":5}')


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=x",
            "-addext",
            f"subjectAltName=IP:{HOST}",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.mark.real
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_serves_tls_from_1_2_on_with_several_workers(start, certificate, version):
    port, (cert, key) = free_port(), certificate
    process = start(port, TLS_CERT_FILE=str(cert), TLS_KEY_FILE=str(key), WORKERS="2")
    context = ssl.create_default_context(cafile=str(cert))
    context.maximum_version = version
    assert get(f"https://{HOST}:{port}/hello", context) == (200, {"hello": "world"})
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=8) == 0
