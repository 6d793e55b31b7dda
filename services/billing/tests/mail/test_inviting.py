"""The owner's invitation, asked of a tenant over HTTPS and mailed once."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
import pytest

from iotistic_billing.usecases.invitations import Invitations
from iotistic_kit.work import WorkQueue
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import verify_service_token

pytestmark = pytest.mark.real
UNTIL = (datetime.now(UTC) + timedelta(days=7)).isoformat(timespec="seconds")


@dataclass(slots=True)
class MemoryTenant:
    """Answers as a tenant does, to those who show billing's token for it."""

    customer: str
    keys: object
    asked: list[dict] = field(default_factory=list)
    scopes: list[frozenset] = field(default_factory=list)
    answers: list[tuple[int, object]] = field(default_factory=list)

    def answer(self, path, authorization, body):
        token = verify_service_token(
            authorization.removeprefix("Bearer "), self.keys, self.customer, datetime.now(UTC)
        )
        self.scopes.append(token.scope)
        self.asked.append({"path": path} | body)
        if self.answers:
            return self.answers.pop(0)
        number = len(self.asked)
        return 201, {
            "id": "i",
            "email": body["email"],
            "role": body["role"],
            "expiresAt": UNTIL,
            "token": f"inv1.secret-of-invitation-{number}",
        }


@contextmanager
def serving(tenant, address, tls):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code, said = tenant.answer(self.path, self.headers["Authorization"], body)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer((address, 3002), Handler)
    server.socket = tls.server().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
async def address(office):
    """Where the tenant is: the address is proved, and the deployment is told to be there."""
    letter = await office.outbox.letter(UUID(str(await office.one("SELECT id FROM outbox"))))
    token = parse_qs(urlsplit(letter.link).query)["token"][0]
    await office.built.parts.verification.confirm(token)
    database = office.built.database
    queue = WorkQueue(database)
    invitations = Invitations(database, queue, office.outbox, office.built.parts.clock)
    async with database.transaction() as connection:
        await connection.execute("UPDATE work SET status = 'canceled' WHERE kind = 'deploy'")
        await connection.execute("UPDATE deployments SET applied_at = now(), applied_hash = 'x'")
        await invitations.ask(connection, office.customer)
        await invitations.ask(connection, office.customer)
    return await office.one("SELECT host(address) FROM deployments")


@pytest.fixture
def tenant(office, signing_keys):
    return MemoryTenant(office.customer, KeyStore(signing_keys).key_set())


@pytest.fixture
def mails(tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    return folder


def invitations_in(folder):
    """The links of the invitations in a folder."""
    found = []
    for path in sorted(folder.glob("*-invite-*.eml")):
        text = message_from_bytes(path.read_bytes(), policy=default).get_body(("plain",))
        found += [line for line in text.get_content().splitlines() if "#" in line]
    return found


async def invited(office):
    open_jobs = "SELECT count(*) FROM work WHERE status IN ('queued', 'running')"
    ended = await office.one("SELECT outcome FROM owner_invitations")
    return ended if await office.one(open_jobs) == 0 else None


def worker(office, mails, tls, **told):
    return office.start_worker(
        MAIL_DIR=str(mails), TLS_CA_FILE=str(tls.certificate), LOG_LEVEL="debug", **told
    )


async def test_the_tenant_is_asked_and_its_owner_gets_the_link(office, address, tenant, tls, mails):
    with serving(tenant, address, tls):
        worker(office, mails, tls)
        outcome = await office.until(lambda: invited(office))
    log = office.stop_workers()

    assert outcome == "mailed"
    assert tenant.asked == [
        {"path": "/api/v1/invitations", "email": "owner@acme.example", "role": "owner"}
    ]
    assert tenant.scopes == [frozenset({"invite"})]
    secret = "inv1.secret-of-invitation-1"
    assert invitations_in(mails) == [f"https://{address}:3000/invitation#{secret}"]
    assert secret not in log
    for table in ("outbox", "work", "work_log", "audit_log", "owner_invitations"):
        everything = "SELECT coalesce(string_agg(t::text, ''), '') FROM {} t"
        assert secret not in await office.one(everything.format(table))
    audit = "SELECT count(*) FROM audit_log WHERE action = 'owner_invited'"
    assert await office.one(audit) == 1


async def test_a_tenant_that_fails_or_talks_rubbish_is_asked_again(
    office, address, tenant, tls, mails
):
    tenant.answers += [(503, {}), (201, {"token": "x y", "expiresAt": UNTIL}), (201, [])]
    with serving(tenant, address, tls):
        worker(office, mails, tls)
        await office.until(lambda: invited(office))
    office.stop_workers()

    assert len(tenant.asked) == 4
    assert len(invitations_in(mails)) == 1


async def test_a_tenant_that_is_away_is_a_dead_letter_that_is_tried_again(
    office, address, tenant, tls, mails
):
    worker(office, mails, tls)
    jobs = office.built.parts.jobs

    async def failed():
        return await jobs.page(before=None, limit=9, customer_id=None, status="failed")

    (job,) = await office.until(failed)
    with serving(tenant, address, tls):
        await jobs.retry(job.id, "admin")
        await office.until(lambda: invited(office))
    office.stop_workers()

    assert job.error == "the tenant doesn't answer: ConnectError"
    assert len(invitations_in(mails)) == 1


async def test_a_tenant_whose_certificate_is_unknown_gets_no_token(
    office, address, tenant, tls, mails
):
    with serving(tenant, address, tls):
        office.start_worker(MAIL_DIR=str(mails))
        jobs = office.built.parts.jobs

        async def failed():
            return await jobs.page(before=None, limit=9, customer_id=None, status="failed")

        await office.until(failed)
    office.stop_workers()

    assert tenant.asked == []


async def test_a_tenant_that_has_an_owner_needs_no_mail(office, address, tenant, tls, mails):
    tenant.answers.append((409, {"code": "owner_exists"}))
    with serving(tenant, address, tls):
        worker(office, mails, tls)
        outcome = await office.until(lambda: invited(office))
    office.stop_workers()

    assert (outcome, invitations_in(mails)) == ("owner_exists", [])


async def test_a_worker_killed_between_the_answer_and_its_noting_leaves_one_good_invitation(
    office, address, tenant, tls, mails
):
    holder = await psycopg.AsyncConnection.connect(office.environment["DATABASE_URL"])
    with serving(tenant, address, tls):
        async with holder:
            await holder.execute("LOCK TABLE outbox IN SHARE MODE")
            first = worker(office, mails, tls)

            async def asked():
                return tenant.asked

            await office.until(asked)
            first.kill()
            first.wait()
        worker(office, mails, tls)
        await office.until(lambda: invited(office))
    office.stop_workers()

    assert len(tenant.asked) == 2
    assert invitations_in(mails) == [
        f"https://{address}:3000/invitation#inv1.secret-of-invitation-2"
    ]


async def test_a_customer_without_an_address_is_not_invited(office, address):
    database = office.built.database
    queue = WorkQueue(database)
    invitations = Invitations(database, queue, office.outbox, office.built.parts.clock)
    async with database.transaction() as connection:
        await connection.execute("UPDATE customers SET email = NULL")
        await invitations.forget(connection, office.customer)
        await invitations.ask(connection, office.customer)

    assert await office.one("SELECT count(*) FROM work WHERE kind = 'invite'") == 1
    assert await office.one("SELECT count(*) FROM owner_invitations") == 0
