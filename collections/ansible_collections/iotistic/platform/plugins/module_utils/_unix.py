# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP over a unix socket."""

from __future__ import annotations

import http.client
import socket

__all__ = ["exchange"]

TIMEOUT = 60.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


def exchange(
    path: str, method: str, target: str, body: bytes | None = None, kind: str = "application/json"
) -> tuple[int, bytes]:
    """Return status and body of one request to the socket at ``path``; raises OSError."""
    connection = _Connection(path)
    try:
        connection.request(method, target, body, {"Content-Type": kind} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
