"""Registries that want to know who asks, and what stands between: real ones, and small servers."""

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from edge.agent.tests.tenant import ADDRESS
from iotistic_contract.codec import b64u_encode
from iotistic_pki import ca
from iotistic_pki.keys import new_key, private_pem
from iotistic_pki.requests import make_request

USER, PASSWORD = "device", "pull me"
HTPASSWD = f"{USER}:$2b$05$JZVMOIKvDIk9v38X4Je2Guhs0vtoK5kpW61rft/4GaUuQw0H.3DOa\n"
NAME = "registry.e5e5e5e5.example.test"


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def tls_yaml(authority: ca.Authority, folder: Path) -> str:
    """The ``http`` part of a registry's configuration, with a certificate of the authority."""
    key = new_key("p256")
    profile = ca.server(names=[NAME], addresses=[ADDRESS])
    leaf = authority.issue(make_request(key), profile)
    chain, private = folder / "registry.pem", folder / "registry.key"
    chain.write_bytes(ca.pem([leaf, *authority.chain]))
    private.write_bytes(private_pem(key))
    return f"http: {{addr: 'ADDRESS', tls: {{certificate: {chain}, key: {private}}}}}\n"


def trusted(authority: ca.Authority, certs: Path, *hosts: str) -> ssl.SSLContext:
    """Put the authority beside each host, as ``/etc/docker/certs.d`` has it."""
    pem = (authority.folder / "tenant-ca.pem").read_text()
    for host in hosts:
        (certs / host).mkdir(parents=True)
        (certs / host / "ca.crt").write_text(pem)
    context = ssl.create_default_context(cadata=pem)
    context.check_hostname = False
    return context


def auth_file(folder: Path, host: str, mode: int = 0o600, **login: str) -> str:
    """A file such as docker's config.json."""
    file = folder / f"auth-{time.monotonic_ns()}.json"
    entry = login or {"auth": basic().partition(" ")[2]}
    file.write_text(json.dumps({"auths": {host: entry}}))
    file.chmod(mode)
    return str(file)


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], host: str) -> Iterator[str]:
    server = ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class TokenServer:
    """Makes tokens that docker-registry takes, for who knows the password."""

    def __init__(self, authority: ca.Authority, folder: Path) -> None:
        self.key = new_key("p256")
        self.leaf = authority.issue(make_request(self.key), ca.server(addresses=[ADDRESS]))
        self.bundle = folder / "token-roots.pem"
        self.bundle.write_bytes(ca.pem([self.leaf]))
        self.asked: list[tuple[dict[str, list[str]], str | None]] = []

    def yaml(self, address: str) -> str:
        return (
            "http: {addr: 'ADDRESS'}\n"
            f"auth: {{token: {{realm: 'http://{address}/token', service: test-registry,"
            f" issuer: test-tokens, rootcertbundle: {self.bundle}}}}}\n"
        )

    def token(self, actions: list[str], name: str) -> str:
        now = int(time.time())
        claims = {
            "iss": "test-tokens",
            "sub": USER,
            "aud": "test-registry",
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": str(time.monotonic_ns()),
            "access": [{"type": "repository", "name": name, "actions": actions}],
        }
        der = base64.b64encode(self.leaf.public_bytes(Encoding.DER)).decode()
        header = {"typ": "JWT", "alg": "ES256", "x5c": [der]}
        text = ".".join(b64u_encode(json.dumps(each).encode()) for each in (header, claims))
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{b64u_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        tokens = self

        class Handler(_Quiet):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                tokens.asked.append((query, self.headers.get("Authorization")))
                if self.headers.get("Authorization") != basic():
                    self.answer(401)
                    return
                _, name, actions = query["scope"][0].split(":")
                made = tokens.token(actions.split(","), name)
                self.answer(200, json.dumps({"token": made, "expires_in": 300}).encode())

        return Handler


def redirecting(registry: str, elsewhere: str) -> type[BaseHTTPRequestHandler]:
    """A registry that wants a password, and has its blobs elsewhere."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != basic():
                self.answer(401, WWW_Authenticate='Basic realm="test"')
            elif "/blobs/" in self.path:
                self.answer(307, Location=f"{elsewhere}{self.path}")
            else:
                connection = HTTPConnection(registry)
                connection.request("GET", self.path, headers={"Accept": self.headers["Accept"]})
                answer = connection.getresponse()
                media_type = answer.headers["Content-Type"]
                self.answer(answer.status, answer.read(), Content_Type=media_type)
                connection.close()

    return Handler


class ConnectProxy:
    """An HTTP proxy that knows one name; ``asked`` are the first lines and the logins."""

    def __init__(self, host: str, goes_to: str) -> None:
        self._goes_to = (goes_to.rpartition(":")[0], int(goes_to.rpartition(":")[2]))
        self._listening = socket.create_server((host, 0))
        self.address = f"{host}:{self._listening.getsockname()[1]}"
        self.asked: list[str] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._serving.join(10)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.decode("latin-1"))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with client, socket.create_connection(self._goes_to) as server:
            back = threading.Thread(target=_copy, args=(client, server), daemon=True)
            back.start()
            _copy(server, client)
            back.join(10)


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while chunk := one.recv(65536):
            other.sendall(chunk)
        other.shutdown(socket.SHUT_WR)
