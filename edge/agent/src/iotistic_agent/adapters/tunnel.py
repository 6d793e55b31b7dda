"""A TCP connection through an HTTP proxy (RFC 9110, CONNECT)."""

import socket
from http.client import HTTPConnection, HTTPException

from iotistic_agent.proxies import Proxy

__all__ = ["tunnelled"]


def tunnelled(proxy: Proxy, host: str, port: int, timeout: float) -> socket.socket:
    """Return a socket whose other end is ``host``; OSError when the proxy doesn't let through."""
    connection = HTTPConnection(proxy.host, proxy.port, timeout=timeout)
    connection.set_tunnel(host, port, proxy.headers)
    try:
        connection.connect()
    except HTTPException as exc:
        raise ConnectionError(f"proxy {proxy.host}: {exc}") from None
    found: socket.socket = connection.sock
    return found
