"""Serve an ASGI application over HTTP or HTTPS with granian."""

import socket
import ssl
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from .errors import StopError
from .settings import ServiceSettings

__all__ = ["AddressTakenError", "TlsError", "serve"]

_GRACE = 8


class AddressTakenError(StopError):
    """Somebody else listens where this service is to, or the address isn't this machine's."""


class TlsError(StopError):
    """Certificate and key can't be used."""


def serve(factory: str, settings: ServiceSettings) -> None:
    """Serve the application that ``factory`` ("package.module:function") makes, until SIGTERM.

    Each worker calls the factory itself. Requests under way get 8 s to end. Raises
    ``AddressTakenError`` or ``TlsError`` before anything is started.
    """
    check_address(settings.host, settings.port)
    check_tls(settings.tls_cert_file, settings.tls_key_file)
    Server(
        factory,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        log_level=LogLevels.warning,
        log_dictconfig=_log_config(factory.partition(".")[0].partition(":")[0]),
        ssl_cert=settings.tls_cert_file,
        ssl_key=settings.tls_key_file,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=_GRACE,
    ).serve()


def _log_config(service: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "iotistic_kit.logs.formatter", "service": service}},
        "filters": {"refused": {"()": "iotistic_kit.logs.RefusedStart"}},
        "handlers": {
            "console": {
                "filters": ["refused"],
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {"_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
    }


def check_address(host: str, port: int) -> None:
    """Raise ``AddressTakenError`` when this address can't be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as exc:
            raise AddressTakenError(
                f"can't listen on {host}:{port}: {exc.strerror}; "
                "stop what listens there, or set HOST and PORT"
            ) from None


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raise ``TlsError`` when only one is given, one can't be read, or they don't match."""
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise TlsError("TLS_CERT_FILE and TLS_KEY_FILE go together; set both or neither")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise TlsError(f"can't use {certificate} with {key}: {exc}") from None
