"""Does single probes: HTTP and TCP at the container's own address, commands inside it."""

import re
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.faults import EngineFault
from iotistic_contract.planning.containers import Container
from iotistic_contract.probes import HttpProbe, Probe, TcpProbe

__all__ = ["asker"]

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_LONGEST_LINE = 4096


def asker(engine: DockerEngine) -> Callable[[Container, Probe], str | None]:
    """Return what does one probe of a container, and tells why it failed, None when it didn't."""

    def ask(container: Container, probe: Probe) -> str | None:
        limit = float(probe.timeout_seconds)
        if probe.exec is not None:
            return _exec(engine, container, probe.exec.command, limit)
        if container.address is None:
            return "the container has no address"
        if probe.http is not None:
            return _http(container.address, probe.http, limit)
        return None if probe.tcp is None else _tcp(container.address, probe.tcp, limit)

    return ask


def _http(address: str, probe: HttpProbe, limit: float) -> str | None:
    """GET; a redirect isn't followed, and https isn't verified: it is the device's own service."""
    asked = f"GET {probe.path.partition('?')[0]} at port {probe.port}"  # a query may hold a secret
    until = time.monotonic() + limit
    try:
        connection = _connection(address, probe, limit)
        try:
            connection.request("GET", probe.path, headers={"Connection": "close", **probe.headers})
            status = _status(connection.sock, until)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as exc:
        return f"{asked}: {str(exc) or type(exc).__name__}"
    expected = probe.expected_status
    well = status == expected if expected is not None else 200 <= status < 400
    return None if well else f"{asked} answers {status}"


def _status(sock: socket.socket, until: float) -> int:
    """Return the status of the answer's first line; however slowly it comes, no later."""
    line = b""
    while b"\n" not in line:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        sock.settimeout(left)
        part = sock.recv(_LONGEST_LINE)
        line += part
        if not part or len(line) > _LONGEST_LINE:
            raise ValueError("no HTTP answer")
    found = _STATUS.match(line)
    if found is None:
        raise ValueError("no HTTP answer")
    return int(found[1])


def _connection(address: str, probe: HttpProbe, limit: float) -> HTTPConnection:
    if probe.scheme == "http":
        return HTTPConnection(address, probe.port, timeout=limit)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(address, probe.port, timeout=limit, context=context)


def _tcp(address: str, probe: TcpProbe, limit: float) -> str | None:
    try:
        socket.create_connection((address, probe.port), timeout=limit).close()
    except OSError as exc:
        return f"port {probe.port}: {exc}"
    return None


def _exec(
    engine: DockerEngine, container: Container, command: tuple[str, ...], limit: float
) -> str | None:
    try:
        code = engine.execute(container.id, command, limit)
    except EngineFault as exc:
        return f"{command[0]}: {exc}"
    return None if code == 0 else f"{command[0]} ends with {code}"
