"""Renewal from a billing that answers over HTTP, and from one that doesn't."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from iotistic_kit.db import Database
from iotistic_pki.tokens import KeySet, Revocations, sign_license, sign_revocations, signed_jwks
from iotistic_tenant_api.scheduling.license import RenewLicense
from iotistic_tenant_api.security.billing import Installed, Seeds, read_installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iotistic_tenant_api.testing import TenantFiles

pytestmark = pytest.mark.real

TOKEN = "bk1.id.secret"


@dataclass(slots=True)
class MemoryBilling:
    """Answers by path; the license to the tenant's own key only."""

    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def answer(self, path: str, authorization: str | None, accept: str | None) -> tuple[int, str]:
        if path not in self.answers:
            return 404, ""
        if path.startswith("/api/licenses/cust") and authorization != f"Bearer {TOKEN}":
            return 401, ""
        if path.endswith("jwks.json") and accept != "application/jose+json":
            return 200, '{"keys": []}'
        return 200, self.answers[path]


@pytest.fixture
def memory_billing() -> Iterator[MemoryBilling]:
    served = MemoryBilling()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = served.answer(
                self.path, self.headers["Authorization"], self.headers["Accept"]
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.77.6.3", 0), Handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


async def test_what_billing_says_is_kept_and_its_absence_restricts_nobody(
    tenant_files: TenantFiles, conninfo: str, clock: Any, customer_id: str, memory_billing: Any
) -> None:
    billing, now = tenant_files.billing, clock.now()
    seeded = billing.license_token(customer_id, now - timedelta(days=1))
    settings = tenant_files.settings(
        conninfo,
        billing_url=f"http://127.77.6.3:{memory_billing.port}",
        billing_token=SecretStr(TOKEN),
        iotistic_license_key=SecretStr(seeded),
    )
    seeds = Seeds.of(settings)
    assert seeds is not None
    license_ = billing.license(customer_id, now, "professional")
    listed = Revocations(
        iat=license_.iat, seq=4, next_update=now + timedelta(days=1), jtis=frozenset()
    )
    memory_billing.answers = {
        "/.well-known/jwks.json": json.dumps(
            signed_jwks(KeySet(keys=seeds.keys.keys, seq=9), [billing.license_key], license_.iat)
        ),
        f"/api/licenses/{customer_id}": json.dumps(
            {"token": sign_license(license_, billing.license_key)}
        ),
        "/api/licenses/revocations": sign_revocations(listed, billing.license_key),
    }
    async with Database(conninfo) as database:
        renew = RenewLicense(database, seeds, settings, clock)

        async def installed() -> Installed:
            async with database.connection() as connection:
                return await read_installed(connection, seeds, customer_id, clock.now())

        assert (await installed()).license.plan == "starter", "the seed"
        await renew()
        held = await installed()
        assert (held.license, held.keys.seq, held.revocations_seq) == (license_, 9, 4)
        memory_billing.answers = {}
        clock.advance(timedelta(days=2))
        await renew()
        again = await installed()
        assert (again.license, again.token) == (held.license, held.token)
        assert again.seen.highest == clock.now(), "the highest time ever seen is kept"
