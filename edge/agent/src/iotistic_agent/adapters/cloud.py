"""The device API of the tenant: JSON over verified TLS, in whole requests and answers."""

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
from iotistic_agent.ambient import utc_now
from iotistic_agent.faults import CloudUnavailable, NotTrusted, Refused, Unauthorized
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault
from iotistic_contract.schema import SCHEMA, SCHEMA_HEADER

__all__ = ["Answer", "Cloud", "Pace", "judged", "verified_by", "words"]

TIMEOUT = 30.0
MAX_BODY = 16 * 2**20
LONGEST_RETRY_AFTER = 3600.0
_LATER = frozenset({408, 425, 429})


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
    new connection; None when nobody answered it.
    """

    def __init__(
        self,
        origin: str,
        context: ssl.SSLContext | None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        seen: Callable[[Answer], object] | None = None,
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
        with self._lock:
            wait = self._pace.wait()
            if wait > 0:
                raise CloudUnavailable("the cloud asked to wait", wait)
            answer = self._sent(method, target, content, sent)
            self._pace.obey(answer)
        good = judged(answer)
        if self._seen is not None:
            self._seen(good)
        return good

    def close(self) -> None:
        """Close the connection, also under a call; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _sent(
        self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send once; a second time only over a kept connection that the server had closed."""
        kept = self._connection is not None
        try:
            return self._once(method, target, content, headers)
        except ConnectionError as exc:
            self.close()
            if not kept:
                raise CloudUnavailable(f"{self._origin.netloc}: {exc}") from None
        except (OSError, HTTPException) as exc:
            self.close()
            raise self._unavailable(exc) from None
        try:
            return self._once(method, target, content, headers)
        except (OSError, HTTPException) as exc:
            self.close()
            raise self._unavailable(exc) from None

    def _unavailable(self, exc: Exception) -> CloudUnavailable:
        fault = NotTrusted if isinstance(exc, ssl.SSLCertVerificationError) else CloudUnavailable
        return fault(f"{self._origin.netloc}: {words(exc)}")

    def _once(
        self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        self.round_trip_ms = None
        connection = self._connection
        if connection is None:
            connection = self._connection = self._opened()
            connection.connect()
        began = time.monotonic()
        connection.request(method, target, content, dict(headers))
        response = connection.getresponse()
        self.round_trip_ms = (time.monotonic() - began) * 1000
        body = _read(response)
        if response.will_close:
            self.close()
        named = {name.lower(): text for name, text in response.getheaders()}
        return Answer(response.status, named, body)

    def _opened(self) -> HTTPConnection:
        host, port = self._origin.hostname or "", self._origin.port
        if self._origin.scheme == "http":
            return HTTPConnection(host, port, timeout=TIMEOUT)
        return HTTPSConnection(host, port, timeout=TIMEOUT, context=self._context)


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
    code, detail = _problem(answer)
    if answer.status == 401:
        raise Unauthorized(401, code, detail)
    if answer.status >= 500 or answer.status in _LATER:
        raise CloudUnavailable(f"{answer.status} {code}: {detail}", _retry_after(answer))
    raise Refused(answer.status, code, detail)


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    if not text.isascii() or not text.isdigit():
        return None
    return min(float(text), LONGEST_RETRY_AFTER)


def _problem(answer: Answer) -> tuple[str, str]:
    """Return ``code`` and what people are told, out of problem+json; never the whole body."""
    try:
        problem = parse_json(answer.body)
    except ContractFault:
        problem = None
    if not isinstance(problem, Mapping):
        return "no_problem_document", "an answer without an explanation"
    errors = problem.get("errors") or []
    first = errors[0] if isinstance(errors, list) and errors else {}
    where = (
        f" ({first.get('pointer')}: {first.get('detail')})"
        if isinstance(first, dict) and first
        else ""
    )
    detail = problem.get("detail") or problem.get("title") or ""
    return str(problem.get("code", "unknown"))[:64], f"{detail}{where}"[:500]
