"""The device API of the tenant: JSON over verified TLS, in whole requests and answers."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from iotistic_agent.adapters.dated_tls import DatedContext
from iotistic_agent.adapters.meter import Meter
from iotistic_agent.ambient import utc_now
from iotistic_agent.faults import CloudUnavailable, NotTrusted, Refused, Unauthorized
from iotistic_agent.proxies import NO_PROXIES, Proxies
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault
from iotistic_contract.schema import SCHEMA, SCHEMA_HEADER

__all__ = ["Answer", "Cloud", "Pace", "judged", "tls_connection", "verified_by", "words"]

TIMEOUT = 30.0
MAX_BODY = 16 * 2**20
LONGEST_RETRY_AFTER = 3600.0
_LATER = frozenset({408, 425, 429})
_LEAST_TO_PACK = 1024
Count = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers with lower-case names, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """Return the body as JSON; CloudUnavailable when it is none: a proxy may have answered."""
        try:
            return parse_json(self.body)
        except ContractFault as exc:
            raise CloudUnavailable(f"an answer that isn't JSON: {exc}") from None


def verified_by(
    ca_pem: str | None, ca_file: Path | None = None, now: Callable[[], datetime] = utc_now
) -> ssl.SSLContext:
    """Return a context that trusts ``ca_pem`` alone, else ``ca_file``, else the system's store.

    ``now`` is the time for the dates of certificates under ``ca_pem``; for the others the machine's
    clock is.
    """
    if ca_pem is not None:
        context: ssl.SSLContext = DatedContext(ca_pem, now)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        if ca_file is not None:
            context.load_verify_locations(cafile=ca_file)
        else:
            context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, and what its bytes are counted for."""

    method: str
    target: str
    content: bytes | None
    headers: Mapping[str, str]
    purpose: str


class Pace:
    """Until when an origin asked not to be called; shared by all connections to it."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def wait(self) -> float:
        """Return the seconds that are left to wait; none or less when it is time."""
        return self._not_before - time.monotonic()

    def obey(self, answer: Answer) -> None:
        """Take ``Retry-After`` of a 429 or 503."""
        if answer.status in (429, 503):
            self._not_before = time.monotonic() + (_retry_after(answer) or 0.0)


class Cloud:
    """One connection to an origin. Blocks; any thread may call.

    Redirects are never followed. ``seen`` is given each good answer, by the thread that called.
    ``round_trip_ms`` is how long the last request took to be answered, without the handshake of a
    new connection; None when nobody answered it. ``count`` is told what each call moved, for its
    purpose or the connection's: bytes sent and received.
    """

    def __init__(  # noqa: PLR0913 -- its collaborators
        self,
        origin: str,
        context: ssl.SSLContext | None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        seen: Callable[[Answer], object] | None = None,
        *,
        proxies: Proxies = NO_PROXIES,
        count: Count | None = None,
        purpose: str = "state",
    ) -> None:
        self._origin = urlsplit(origin)
        self._context = context
        self._headers = {
            SCHEMA_HEADER: str(SCHEMA),
            "User-Agent": "iotistic-agent",
            **(headers or {}),
        }
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._pace = pace or Pace()
        self._proxies = proxies
        self._count = count
        self._purpose = purpose
        self._meter = Meter()
        self._seen = seen
        self.round_trip_ms: float | None = None

    def call(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer when it is 2xx or 304.

        Unauthorized at 401, CloudUnavailable for whatever may be better later, Refused otherwise.
        """
        content = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        return self._answered(_Call(method, target, content, sent, self._purpose))

    def send(self, target: str, content: bytes, content_type: str, purpose: str) -> Answer:
        """POST ``content``, packed with gzip when that makes it smaller; else as ``call``."""
        sent = {**self._headers, "Content-Type": content_type}
        packed = gzip.compress(content, 6) if len(content) >= _LEAST_TO_PACK else content
        if len(packed) < len(content):
            content, sent["Content-Encoding"] = packed, "gzip"
        return self._answered(_Call("POST", target, content, sent, purpose))

    def close(self) -> None:
        """Close the connection, also under a call; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _answered(self, call: _Call) -> Answer:
        with self._lock:
            wait = self._pace.wait()
            if wait > 0:
                raise CloudUnavailable("the cloud asked to wait", wait)
            answer = self._sent(call)
            self._pace.obey(answer)
        good = judged(answer)
        if self._seen is not None:
            self._seen(good)
        return good

    def _sent(self, call: _Call) -> Answer:
        """Send once; a second time only over a kept connection that the server had closed."""
        kept = self._connection is not None
        try:
            return self._once(call)
        except ConnectionError as exc:
            self.close()
            if not kept:
                raise CloudUnavailable(f"{self._origin.netloc}: {exc}") from None
        except (OSError, HTTPException) as exc:
            self.close()
            raise self._unavailable(exc) from None
        try:
            return self._once(call)
        except (OSError, HTTPException) as exc:
            self.close()
            raise self._unavailable(exc) from None

    def _unavailable(self, exc: Exception) -> CloudUnavailable:
        fault = NotTrusted if isinstance(exc, ssl.SSLCertVerificationError) else CloudUnavailable
        return fault(f"{self._origin.netloc}: {words(exc)}")

    def _once(self, call: _Call) -> Answer:
        self.round_trip_ms = None
        connection = self._connection
        if connection is None:
            connection = self._connection = self._opened()
            self._meter = Meter()
        sock: socket.socket | None = None
        try:
            if connection.sock is None:
                connection.connect()
            sock = connection.sock
            began = time.monotonic()
            connection.request(call.method, call.target, call.content, dict(call.headers))
            response = connection.getresponse()
            self.round_trip_ms = (time.monotonic() - began) * 1000
            body = _read(response)
        finally:
            if self._count is not None:
                self._count(call.purpose, *self._meter.moved(sock or connection.sock))
        if response.will_close:
            self.close()
        named = {name.lower(): text for name, text in response.getheaders()}
        return Answer(response.status, named, body)

    def _opened(self) -> HTTPConnection:
        host, port = self._origin.hostname or "", self._origin.port
        if self._origin.scheme == "http":
            return HTTPConnection(host, port, timeout=TIMEOUT)
        return tls_connection(host, port or 443, self._context, self._proxies)


def tls_connection(
    host: str, port: int, context: ssl.SSLContext | None, proxies: Proxies = NO_PROXIES
) -> HTTPSConnection:
    """Return a connection to be opened; through a proxy TLS still ends at ``host`` itself."""
    proxy = proxies.to(host, port)
    if proxy is None:
        return HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    connection = HTTPSConnection(proxy.host, proxy.port, timeout=TIMEOUT, context=context)
    connection.set_tunnel(host, port, proxy.headers)
    return connection


def words(exc: Exception) -> str:
    """Return what went wrong, for errors that have no text of their own too."""
    return str(exc) or type(exc).__name__


def _read(response: HTTPResponse) -> bytes:
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise HTTPException("an answer above 16 MiB")
    return body


def judged(answer: Answer) -> Answer:
    """Return an answer that is good, and raise what another one means."""
    if 200 <= answer.status < 300 or answer.status == 304:
        return answer
    code, detail, pointer = _problem(answer)
    if answer.status == 401:
        raise Unauthorized(401, code, detail)
    if answer.status >= 500 or answer.status in _LATER:
        raise CloudUnavailable(f"{answer.status} {code}: {detail}", _retry_after(answer))
    raise Refused(answer.status, code, detail, pointer)


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    if not text.isascii() or not text.isdigit():
        return None
    return min(float(text), LONGEST_RETRY_AFTER)


def _problem(answer: Answer) -> tuple[str, str, str | None]:
    """Return ``code``, what people are told, and where, out of problem+json; never the body."""
    try:
        problem = parse_json(answer.body)
    except ContractFault:
        problem = None
    if not isinstance(problem, Mapping):
        return "no_problem_document", "an answer without an explanation", None
    errors = problem.get("errors") or []
    first = errors[0] if isinstance(errors, list) and errors else {}
    where = (
        f" ({first.get('pointer')}: {first.get('detail')})"
        if isinstance(first, dict) and first
        else ""
    )
    detail = problem.get("detail") or problem.get("title") or ""
    pointer = first.get("pointer") if isinstance(first, dict) else None
    code = str(problem.get("code", "unknown"))[:64]
    return code, f"{detail}{where}"[:500], pointer if isinstance(pointer, str) else None
