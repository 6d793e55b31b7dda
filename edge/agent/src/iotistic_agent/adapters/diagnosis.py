"""Looks at what a device depends on, for a person who wonders what is wrong."""

import shutil
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from iotistic_agent.adapters.cloud import words
from iotistic_agent.diagnosing import Reached

__all__ = ["connect_fault", "free_space", "reach"]

PATIENCE = 5.0
_QUESTION = "/ca.pem"
_HEAD = 64 * 1024


def reach(host: str, port: int, context: ssl.SSLContext | None, now: datetime) -> Reached:
    """Return how far a request comes; without ``context`` it only connects. Blocks.

    The request names nobody: it asks for what everybody may have.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        return Reached(host=host, port=port, dns_fault=words(exc))
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    try:
        plain = socket.create_connection((host, port), PATIENCE)
    except OSError as exc:
        return Reached(host=host, port=port, addresses=addresses, connect_fault=words(exc))
    with plain:
        if context is None:
            return Reached(host=host, port=port, addresses=addresses)
        try:
            secured = context.wrap_socket(plain, server_hostname=host)
        except OSError as exc:
            return Reached(host=host, port=port, addresses=addresses, tls_fault=words(exc))
        with secured:
            return _asked(host, port, addresses, secured, now)


def connect_fault(host: str, port: int) -> str | None:
    """Return why nothing can be connected to at an address, None when it can. Blocks."""
    try:
        with socket.create_connection((host, port), PATIENCE):
            return None
    except OSError as exc:
        return words(exc)


def free_space(folder: Path) -> tuple[int, int]:
    """Return free and all bytes of the file system that ``folder`` is on."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def _asked(
    host: str, port: int, addresses: tuple[str, ...], secured: ssl.SSLSocket, now: datetime
) -> Reached:
    status, api_fault, skew = None, None, None
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    connection.sock = secured
    try:
        connection.request("GET", _QUESTION, headers={"User-Agent": "iotistic-agent"})
        answer = connection.getresponse()
        answer.read(_HEAD)
        status, skew = answer.status, _skew(answer.getheader("Date"), now)
    except (OSError, HTTPException) as exc:
        api_fault = words(exc)
    return Reached(
        host=host,
        port=port,
        addresses=addresses,
        tls=secured.version(),
        valid_until=_valid_until(secured),
        status=status,
        api_fault=api_fault,
        skew=skew,
    )


def _skew(date: str | None, now: datetime) -> float | None:
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (told.replace(tzinfo=told.tzinfo or UTC) - now).total_seconds()


def _valid_until(secured: ssl.SSLSocket) -> datetime | None:
    text = (secured.getpeercert() or {}).get("notAfter")
    if not isinstance(text, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
