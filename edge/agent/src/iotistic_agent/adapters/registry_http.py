"""HTTP to registries: verified TLS, proxies, time limits, and an end when the pull is stopped."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from iotistic_agent.faults import PullFault, RegistryUnavailable
from iotistic_agent.images.places import is_loopback
from iotistic_agent.images.progress import Stop
from iotistic_agent.images.registry_settings import RegistrySettings

__all__ = ["NoTls", "RegistryHttp", "chunks_of", "document_of"]

_SILENCE = 30.0
_CONNECT = 10.0
_CHUNK = 64 * 1024
_WINDOW, _LEAST_IN_WINDOW = 60.0, 16 * 1024
_LONGEST_DOCUMENT = 60.0


class NoTls(RegistryUnavailable):
    """What answers there doesn't speak TLS."""


class _Connection(HTTPConnection):
    """A connection that ``stop`` ends as soon as TCP is there; TLS when there is a ``context``."""

    def __init__(
        self, host: str, port: int, server: str, context: ssl.SSLContext | None, stop: Stop
    ) -> None:
        super().__init__(host, port, timeout=_CONNECT)
        if context is not None:
            self.default_port = 443  # what the header Host leaves out: signed addresses cover it
        self._server = server
        self._context = context
        self._stop = stop

    def connect(self) -> None:
        """Connect, through the tunnel if one is set, and verify the server."""
        super().connect()
        self.sock.settimeout(_SILENCE)
        if self._context is not None:
            secured = self._context.wrap_socket(
                self.sock, server_hostname=self._server, do_handshake_on_connect=False
            )
            self.sock = secured
            with self._stop.closing(secured):
                secured.do_handshake()


class RegistryHttp:
    """Requests of one pull, a connection each, so any thread may ask. Redirects aren't followed."""

    def __init__(self, settings: RegistrySettings, stop: Stop) -> None:
        self._settings = settings
        self._stop = stop
        self._contexts: dict[str, ssl.SSLContext] = {}

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
        """Send one request; RegistryUnavailable when nobody answers, NoTls when that isn't TLS."""
        parts = urlsplit(url)
        connection, target, more = self._connection(url)
        try:
            _connect(connection, parts.netloc)
            with self._stop.closing(connection.sock):
                connection.request("GET", target, headers=_sent({**headers, **more}))
                yield connection.getresponse()
        except (OSError, HTTPException) as exc:
            self._stop.check()
            raise RegistryUnavailable(f"{parts.netloc} doesn't answer: {_reason(exc)}") from None
        finally:
            connection.close()

    def _connection(self, url: str) -> tuple[HTTPConnection, str, Mapping[str, str]]:
        """Return a connection that isn't open yet, what to ask it for, and the proxy's headers."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        name, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        context = self._context(parts.netloc) if secure else None
        proxy = self._settings.proxies.for_host(parts.scheme, parts.netloc)
        if proxy is None or is_loopback(parts.netloc):
            return _Connection(name, port, name, context, self._stop), target, {}
        through = _Connection(proxy.host, proxy.port, name, context, self._stop)
        login = proxy.headers
        if not secure:
            return through, url, login
        through.set_tunnel(name, port, login)
        return through, target, {}

    def _context(self, host: str) -> ssl.SSLContext:
        """Return what the host is verified by: the system's store, and the host's own folder."""
        if host not in self._contexts:
            context = ssl.create_default_context()
            folder = self._settings.certs_dir / host
            for file in sorted(folder.glob("*.crt")):
                _load(file, lambda file: context.load_verify_locations(cafile=file))
            for file in sorted(folder.glob("*.cert")):
                _load(file, lambda file: context.load_cert_chain(file, file.with_suffix(".key")))
            self._contexts[host] = context
        return self._contexts[host]


def chunks_of(answer: HTTPResponse, stop: Stop) -> Iterator[bytes]:
    """Yield the body as it comes; RegistryUnavailable when next to nothing does for a minute."""
    since, in_window = time.monotonic(), 0
    while chunk := answer.read1(_CHUNK):
        stop.check()
        yield chunk
        in_window += len(chunk)
        if in_window >= _LEAST_IN_WINDOW:
            since, in_window = time.monotonic(), 0
        elif time.monotonic() - since > _WINDOW:
            raise RegistryUnavailable("the registry sends next to nothing")
    stop.check()


def document_of(answer: HTTPResponse, stop: Stop, most: int) -> bytes:
    """Return a small body whole; PullFault when it is larger than ``most`` bytes."""
    until = time.monotonic() + _LONGEST_DOCUMENT
    content = bytearray()
    for chunk in chunks_of(answer, stop):
        content += chunk
        if len(content) > most:
            raise PullFault(f"the registry's answer is larger than {most} bytes")
        if time.monotonic() > until:
            raise RegistryUnavailable("the registry takes too long for an answer")
    return bytes(content)


def _sent(headers: Mapping[str, str]) -> dict[str, str]:
    return {"User-Agent": "iotistic-agent", "Accept-Encoding": "identity", **headers}


def _connect(connection: HTTPConnection, host: str) -> None:
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as exc:
        raise RegistryUnavailable(
            f"the certificate of {host} can't be verified: {exc.verify_message}"
        ) from None
    except (ssl.SSLError, ConnectionResetError) as exc:
        raise NoTls(f"{host} doesn't speak TLS: {_reason(exc)}") from None


def _load(file: Path, load: Callable[[Path], None]) -> None:
    try:
        load(file)
    except OSError as exc:
        raise PullFault(f"{file} can't be used as a certificate: {_reason(exc)}") from None


def _reason(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "it is silent"
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
