"""A tenant's device API, small and real: TLS by the project's PKI, registration by its crypto."""

import gzip
import hashlib
import json
import ssl
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from iotistic_agent.loops.orders import claimed_id
from iotistic_contract.codec import b64u_encode, canonical, decode, encode
from iotistic_contract.provisioning import (
    CertificatesRequest,
    KeyExchangeRequest,
    ProvisioningString,
    RegisterRequest,
    RegistrationPayload,
    RotateKeyRequest,
    secret_hash,
)
from iotistic_contract.topics import device_topics
from iotistic_pki import ca
from iotistic_pki.errors import ProvisioningRefused
from iotistic_pki.keys import new_key, private_pem, spki_sha256
from iotistic_pki.orders import order_jwk
from iotistic_pki.provisioning import (
    ProvisioningKeys,
    WrappingKey,
    answer_key_exchange,
    check_proof,
    open_payload,
)
from iotistic_pki.requests import make_request, requested_key

CUSTOMER = "cust_" + "e5" * 16
ADDRESS = "127.77.5.16"


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Tenant:
    """What the server holds; tests read and change it."""

    authority: ca.Authority
    keys: ProvisioningKeys
    secret: str
    port: int = 0
    broker_port: int = 8883
    server: ThreadingHTTPServer | None = None
    requests: list[Request] = field(default_factory=list)
    forced: list[tuple[str, int, dict[str, str], Any]] = field(default_factory=list)
    registered: list[RegistrationPayload] = field(default_factory=list)
    api_keys: list[str] = field(default_factory=list)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    sections: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, list[Any]] = field(default_factory=dict)
    order_key: Any = field(default_factory=lambda: new_key("ed25519"))
    order: str | None = None
    job_statuses: list[tuple[str, str, str | None]] = field(default_factory=list)
    release: Path | None = None
    poll_interval_ms: int = 1000
    changed: threading.Condition = field(default_factory=threading.Condition)
    registration_id: str = ""
    pending_hash: str = ""
    certificates: list[str] = field(default_factory=list)
    issued_at: datetime | None = None
    credentials: dict[str, Any] = field(default_factory=dict)
    released: list[Any] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"https://{ADDRESS}:{self.port}"

    @property
    def ca_pem(self) -> str:
        return (self.authority.folder / "tenant-ca.pem").read_text()

    def string(self, **change: Any) -> ProvisioningString:
        """The provisioning string; ``change`` spoils parts of it."""
        parts = {
            "key_id": "k1",
            "secret": self.secret,
            "pin": spki_sha256(self.authority.certificate.public_key()),
            "host": ADDRESS,
            "port": self.port,
        }
        return ProvisioningString(**{**parts, **change})

    def set_apps(self, apps: dict[str, Any] | None, version: int, **config: Any) -> None:
        """Make this the target of every device."""
        document = {"schema": 1, "version": version, "apps": apps}
        if config:
            document["config"] = config
        self.documents["*"] = document

    def force(self, path: str, status: int, code: str = "", **headers: str) -> None:
        """Answer the next request whose path begins so with this."""
        problem = {"code": code, "title": "told to", "status": status}
        self.forced.append(
            (path, status, {k.replace("_", "-"): v for k, v in headers.items()}, problem)
        )

    def wait_for(self, holds, seconds: float = 20.0) -> None:
        """Wait until ``holds()``, looking at each request; fail with what was reported."""
        with self.changed:
            assert self.changed.wait_for(holds, seconds), json.dumps(self.sections, indent=1)

    def paths(self) -> list[str]:
        return [f"{each.method} {each.path.partition('?')[0]}" for each in self.requests]

    def answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        for index, (path, status, headers, body) in enumerate(self.forced):
            if request.path.startswith(path):
                del self.forced[index]
                return status, headers, body
        route = request.path.partition("?")[0]
        open_routes = {
            "/ca.pem": lambda _: (200, {}, self.ca_pem),
            "/api/provisioning/v2/key-exchange": self.key_exchange,
            "/api/provisioning/v2/register": self.register,
        }
        if route in open_routes:
            return open_routes[route](request.body)
        if route.startswith("/install/"):
            return self.install_file(route.rpartition("/")[2])
        if route.endswith("/release"):
            self.released.append(request.body)
            return 204, {}, None
        if not self.is_known(request.headers.get("x-device-api-key", "")):
            return 401, {}, {"code": "unauthorized", "title": "no"}
        status, headers, body = self.answer_device(request, route)
        return status, {"X-Credentials-ETag": self.credentials_etag(), **headers}, body

    def answer_device(  # noqa: PLR0911 -- one by route
        self, request: Request, route: str
    ) -> tuple[int, dict[str, str], Any]:
        lane = route.rpartition("/")[2]
        if request.method == "POST" and lane in {"logs", "metrics", "events", "readings"}:
            self.lines.setdefault(lane, []).extend(request.body)
            return 204, {}, None
        if "/jobs/" in route:
            return self.job(request, route.rpartition("/")[2])
        if request.method == "PATCH":
            another = request.body["epoch"] != self.sections.get("epoch")
            self.sections = request.body if another else {**self.sections, **request.body}
            return 204, {}, None
        if route.endswith("/rotate-key"):
            self.pending_hash = decode(RotateKeyRequest, request.body).new_key_hash
            return 204, {}, None
        if route.endswith("/certificates"):
            asked = decode(CertificatesRequest, request.body).certificate_request
            return 200, {}, {"clientCertificate": self.certify(asked, route.split("/")[-2])}
        if route.endswith("/credentials"):
            etag = self.credentials_etag()
            if request.headers.get("if-none-match") == etag:
                return 304, {"ETag": etag}, None
            return 200, {"ETag": etag}, self.credentials_document()
        return self.state(request)

    def is_known(self, key: str) -> bool:
        """Whether the key is the newest; a pending one becomes that by its use."""
        if key.startswith("dk1.") and self.pending_hash == _hash_of(key):
            self.pending_hash = ""
            self.api_keys.append(key)
        return key in self.api_keys[-1:]

    def certify(self, request: str, uuid: str) -> str:
        """Give a device a certificate; ``issued_at`` gives the first one of another time."""
        at, self.issued_at, authority = self.issued_at, None, self.authority
        if at is not None:
            authority = replace(authority, clock=lambda: at)
        leaf = authority.issue(requested_key(request), ca.client(uuid))
        self.certificates.append(ca.pem([leaf]).decode())
        return self.certificates[-1]

    def credentials_document(self) -> dict[str, Any]:
        """The credentials; ``credentials`` changes parts of them."""
        return {
            "schema": 1,
            "customerId": CUSTOMER,
            "registration": self.registration_id,
            "caBundle": self.ca_pem,
            "brokerConfig": self.broker_config(),
            "vpn": None,
            "orderPublicKeys": [],
            **self.credentials,
        }

    def credentials_etag(self) -> str:
        content = canonical(self.credentials_document())
        return f'"{hashlib.sha256(content).hexdigest()[:32]}"'

    def install_file(self, name: str) -> tuple[int, dict[str, str], Any]:
        path = None if self.release is None else self.release / name
        if path is None or not path.exists():
            return 404, {}, {"code": "not_found", "title": "no such file"}
        return 200, {}, path.read_bytes()

    def job(self, request: Request, name: str) -> tuple[int, dict[str, str], Any]:
        """Hand out ``order`` until its status is a final one."""
        if request.method == "PATCH":
            self.job_statuses.append((name, request.body["status"], request.body.get("output")))
            if request.body["status"] != "running" and claimed_id(self.order or "") == name:
                self.order = None
            return 204, {}, None
        if self.order is None:
            return 204, {}, None
        return 200, {}, {"order": self.order, "job": None}

    def key_exchange(self, body: Any) -> tuple[int, dict[str, str], Any]:
        exchange = decode(KeyExchangeRequest, body)
        answer = answer_key_exchange(exchange, self.keys, datetime.now(UTC), b"n" * 16)
        return 200, {}, encode(answer)

    def register(self, body: Any) -> tuple[int, dict[str, str], Any]:
        try:
            proof = check_proof(decode(RegisterRequest, body), self.keys, datetime.now(UTC))
            payload = open_payload(proof)
        except ProvisioningRefused as exc:
            return exc.status, {}, {"code": exc.reason, "detail": exc.detail}
        if payload.provisioning_api_key != str(self.string().key):
            return 401, {}, {"code": "invalid_provisioning_key", "detail": "not a key of ours"}
        self.registered.append(payload)
        self.api_keys.append(f"dk1.d{len(self.api_keys)}.{b64u_encode(b'k' * 32)}")
        return 200, {}, self.registration(payload)

    def registration(self, payload: RegistrationPayload) -> dict[str, Any]:
        uuid = payload.device_uuid
        self.registration_id = f"r{len(self.api_keys)}"
        return {
            "registration": self.registration_id,
            "customerId": CUSTOMER,
            "deviceApiKey": self.api_keys[-1],
            "mqtt": {
                "brokerConfig": self.broker_config(),
                "username": uuid,
                "clientCertificate": self.certify(payload.certificate_request, uuid),
                "topics": device_topics(uuid),
            },
            "api": {"endpoint": self.origin, "tlsConfig": {"caCert": self.ca_pem}},
            "vpn": None,
            "orderPublicKeys": [order_jwk(self.order_key)],
            "targetStateUrl": f"{self.origin}/api/v1/device/{uuid}/state",
        }

    def broker_config(self) -> dict[str, Any]:
        return {
            "protocol": "mqtts",
            "host": ADDRESS,
            "port": self.broker_port,
            "useTls": True,
            "caCert": self.ca_pem,
            "verifyCertificate": True,
            "keepAlive": 30,
            "clientIdPrefix": "",
            "cleanSession": False,
            "reconnectPeriod": 1000,
        }

    def state(self, request: Request) -> tuple[int, dict[str, str], Any]:
        document = self.documents.get("*") or {"schema": 1, "version": 0, "apps": None}
        tag = f'"{document["version"]}-{hashlib.sha256(canonical(document)).hexdigest()[:32]}"'
        headers = {"ETag": tag, "X-Poll-Interval-Ms": str(self.poll_interval_ms)}
        if request.headers.get("if-none-match") == tag:
            return 304, headers, None
        return 200, headers, document


def _hash_of(key: str) -> str:
    return b64u_encode(secret_hash(key.rpartition(".")[2]))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tenant: Tenant

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        headers = {name.lower(): text for name, text in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        if headers.get("content-type") == "application/x-ndjson":
            body: Any = [json.loads(line) for line in content.splitlines()]
        else:
            body = json.loads(content) if content else None
        request = Request(self.command, self.path, headers, body)
        with self.tenant.changed:
            status, answer_headers, body = self.tenant.answer(request)
            self.tenant.requests.append(request)
            self.tenant.changed.notify_all()
        raw = _raw(body)
        self.send_response(status)
        for name, text in answer_headers.items():
            self.send_header(name, text)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


def _raw(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body)).encode()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no news."""


def make_authority(folder: Path, clock: ca.Clock = ca.utc_now) -> ca.Authority:
    root = ca.create_root(folder / "root", "Test", clock=clock)
    platform = ca.create_platform(folder / "platform", root, "Test")
    tenant = ca.Tenant(customer_id=CUSTOMER, base_domain="example.test", addresses=(ADDRESS,))
    return ca.create_tenant(folder / "tenant", platform, tenant)


def make_keys() -> ProvisioningKeys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ProvisioningKeys(current=WrappingKey.of(key), secret=b"m" * 32)


def serve(tenant: Tenant, folder: Path) -> ThreadingHTTPServer:
    """Serve ``tenant`` over TLS at a free port, in a thread."""
    key = new_key("p256")
    leaf = tenant.authority.issue(make_request(key), ca.server(addresses=[ADDRESS]))
    chain, private = folder / "server.pem", folder / "server.key"
    chain.write_bytes(ca.pem([leaf, *tenant.authority.chain]))
    private.write_bytes(private_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    handler = type("Handler", (_Handler,), {"tenant": tenant})
    server = _QuietServer((ADDRESS, tenant.port), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    tenant.port, tenant.server = server.server_address[1], server
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server
