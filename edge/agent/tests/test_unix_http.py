"""Requests at an engine that never answers end when they are told to."""

import socket
import threading

import pytest

from iotistic_agent.adapters import unix_http
from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.faults import EngineFault


@pytest.fixture
def hanging(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "h.sock"))
        listening.listen(8)
        yield tmp_path / "h.sock", listening


def test_a_request_that_waits_ends(hanging):
    path, listening = hanging
    http, faults = UnixHttp(path), []

    def ask() -> None:
        with pytest.raises(EngineFault):
            http.call("GET", "/version")
        faults.append(1)

    thread = threading.Thread(target=ask)
    thread.start()
    with listening.accept()[0]:
        http.interrupt()
        thread.join(5)
    assert faults


def test_one_that_is_about_to_connect_ends_too(hanging, monkeypatch):
    path, _ = hanging
    http = UnixHttp(path)
    connect = unix_http._UnixConnection.connect

    def interrupted_before(connection) -> None:
        http.interrupt()
        connect(connection)

    monkeypatch.setattr(unix_http._UnixConnection, "connect", interrupted_before)
    with pytest.raises(EngineFault, match="the agent ends"):
        http.call("GET", "/version", timeout=3)
