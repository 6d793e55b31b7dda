"""A real SMTP server, and workers as processes of their own."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iotistic_billing.runtime import Built, build, outbox_of
from iotistic_billing.settings import BillingSettings
from iotistic_billing.usecases.accounts import SignUpForm
from iotistic_kit.work import WorkQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

USER, PASSWORD = "billing@site.example", "p@ss:word/9"


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate for loopback addresses, which is its own authority."""

    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """One for the whole run."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    places = [x509.IPAddress(ipaddress.ip_network("127.0.0.1/32").network_address)]
    places += [x509.IPAddress(ipaddress.ip_address(f"127.77.{each}.16")) for each in range(256)]
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.SubjectAlternativeName(places), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    made = Tls(folder / "cert.pem", folder / "key.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


@dataclass
class Mailbox:
    """What a server took, as it came; ``replies`` are its next answers to a recipient or mail."""

    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    on_recipient: list[str] = field(default_factory=list)
    on_data: list[str] = field(default_factory=list)
    sessions: list[tuple[bool, bool]] = field(default_factory=list)

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Any, to: str, _o: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        if self.on_recipient:
            return self.on_recipient.pop(0)
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        if self.on_data:
            return self.on_data.pop(0)
        self.taken.append(envelope.original_content)
        self.recipients.append(envelope.rcpt_tos)
        self.sessions.append((session.ssl is not None, session.authenticated))
        return "250 OK"


class _Server(Controller):
    """Takes any free port."""

    def _trigger_server(self) -> None:
        if self.server is not None:
            self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()


def _check(_s: Any, _session: Any, _e: Any, _mechanism: str, data: Any) -> AuthResult:
    right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@pytest.fixture
def mailbox(tls: Tls) -> Iterator[Mailbox]:
    """A server that wants STARTTLS and a password before it takes anything."""
    yield from _running(
        tls_context=tls.server(), require_starttls=True, auth_required=True, authenticator=_check
    )


@pytest.fixture
def plain_mailbox() -> Iterator[Mailbox]:
    """A server without TLS, as a relay on this machine."""
    yield from _running()


def _running(**told: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    server = _Server(box, hostname="127.0.0.1", port=0, **told)
    server.start()
    box.port = server.port
    try:
        yield box
    finally:
        server.stop()


@dataclass
class Office:
    """A billing with one customer, and the workers that a test starts."""

    built: Built
    settings: BillingSettings
    environment: dict[str, str]
    customer: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def outbox(self) -> Any:
        """Its outbox."""
        database = self.built.database
        return outbox_of(self.settings, database, WorkQueue(database), self.built.parts.clock)

    def start_worker(self, **told: str) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        command = [sys.executable, "-m", "iotistic_billing.cli", "worker"]
        worker = subprocess.Popen(
            command, env=self.environment | told, cwd="/", stdout=subprocess.PIPE
        )
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> str:
        """Stop them; return what they have logged."""
        for worker in self.workers:
            worker.terminate()
        said = [worker.communicate(timeout=30)[0].decode() for worker in self.workers]
        self.workers.clear()
        return "".join(said)

    async def one(self, sql: str, *parameters: Any) -> Any:
        """The first column of the first row."""
        async with self.built.database.connection() as connection:
            row = await (await connection.execute(sql, parameters)).fetchone()
        return row[0] if row else None

    async def until(self, holds: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
        """Wait until something holds; return it."""
        until = time.monotonic() + seconds
        while not (found := await holds()):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def office(
    signing_keys: Path,
    project: Path,
    conninfo: str,
    secrets_of_billing: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[Office]:
    """A customer on trial whose address waits to be verified, and no worker."""
    told: dict[str, Any] = {
        "database_url": conninfo,
        "license_keys_dir": str(signing_keys),
        "deploy_project_dir": str(project),
        "deploy_net": f"127.77.{os.getpid() % 250 + 1}.0/24",
        "public_url": "https://127.77.7.3:3100",
        **secrets_of_billing,
    }
    worker = {
        "iotistic_site": f"m{os.getpid()}{time.monotonic_ns() % 10**8}",
        "home": str(project),
        "path": os.environ["PATH"],  # noqa: TID251 -- what a worker is started with
        "deploy_lease": "2.5",
        "deploy_renewal": "0.4",
        "deploy_retry_pauses": "[0.1]",
        "mail_retry_pauses": "[0.1, 0.1, 0.1]",
    }
    settings = BillingSettings.model_validate(told)
    built = build(settings)
    environment = {each.upper(): value for each, value in (told | worker).items()}
    async with built.database:
        form = SignUpForm(
            email="owner@acme.example",
            password="x" * 12,
            company_name="Acme",
            full_name="A. Owner",
            source="test",
        )
        made = await built.parts.accounts.sign_up(form)
        office = Office(built, settings, environment, made.customer_id)
        try:
            yield office
        finally:
            for process in office.workers:
                process.kill()
                process.communicate()
