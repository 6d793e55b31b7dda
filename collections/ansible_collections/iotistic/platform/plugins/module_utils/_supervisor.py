# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor asked over its socket, with nothing but the standard library."""

from __future__ import annotations

import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault, ResponseError, dumps, loads

from ._unix import exchange

__all__ = ["Fault", "call", "running", "stop"]

ALIVE = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})
STOP_SECONDS = 30.0
PAUSE = 0.1


def call(path: str, method: str, *arguments: Any) -> Any:
    """Return the answer to one XML-RPC call; Fault when it refuses, OSError when nobody answers."""
    body = dumps(arguments, f"supervisor.{method}").encode()
    try:
        _status, text = exchange(path, "POST", "/RPC2", body, "text/xml")
        return loads(text)[0][0]
    except (HTTPException, ResponseError, ExpatError) as error:
        raise ConnectionError(f"no supervisor answers at {path}: {error}") from error


def running(path: str) -> dict[str, int]:
    """Return the process id of each program that runs; empty when no supervisor listens."""
    with suppress(OSError, Fault):
        return {
            program["name"]: program["pid"]
            for program in call(path, "getAllProcessInfo")
            if program["statename"] in ALIVE
        }
    return {}


def stop(path: str, names: tuple[str, ...]) -> None:
    """Stop programs side by side, and wait; those that the supervisor can't stop stay."""
    one_by_one = False
    for name in names:
        with suppress(Fault):
            call(path, "stopProcess", name, one_by_one)
    deadline = time.monotonic() + STOP_SECONDS
    while set(running(path)) & set(names) and time.monotonic() < deadline:
        time.sleep(PAUSE)
