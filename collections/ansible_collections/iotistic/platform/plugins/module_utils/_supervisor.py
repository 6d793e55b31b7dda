# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor asked over its socket, with nothing but the standard library."""

from __future__ import annotations

import http.client
import socket
import time
import xmlrpc.client
from contextlib import suppress
from typing import Any

__all__ = ["running", "stop"]

ALIVE = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})
TIMEOUT = 30.0
PAUSE = 0.1


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("supervisor", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002
        """Return a fresh connection to the socket."""
        return _Connection(self._path)


def running(path: str) -> dict[str, int]:
    """Return the process id of each program that runs; empty when no supervisor listens."""
    with suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
        return {
            program["name"]: program["pid"]
            for program in _rpc(path).getAllProcessInfo()
            if program["statename"] in ALIVE
        }
    return {}


def stop(path: str, names: tuple[str, ...]) -> None:
    """Stop programs side by side, and wait; those that the supervisor can't stop stay."""
    at_once = False  # don't wait for one after the other
    for name in names:
        with suppress(xmlrpc.client.Fault):
            _rpc(path).stopProcess(name, at_once)
    deadline = time.monotonic() + TIMEOUT
    while set(running(path)) & set(names) and time.monotonic() < deadline:
        time.sleep(PAUSE)


def _rpc(path: str) -> Any:
    return xmlrpc.client.ServerProxy("http://supervisor/RPC2", _Transport(path)).supervisor
