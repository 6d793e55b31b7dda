"""A tenant of the test's own: CA, signing process, billing's keys, database, application."""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from falcon.testing import ASGIConductor, Result
from pydantic import SecretStr

from iotistic_contract.codec import decode
from iotistic_contract.provisioning import KeyExchangeAnswer, ProvisioningString
from iotistic_kit.clock import MemoryClock
from iotistic_kit.migrations import migrate
from iotistic_tenant_api.cli import MIGRATIONS
from iotistic_tenant_api.domain.people import Role, User
from iotistic_tenant_api.domain.sessions import Client
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.testing import Billing, MemoryDevice, TenantFiles
from iotistic_tenant_api.usecases.sessions import begin_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from iotistic_kit.testing import PostgresServer

CUSTOMER = "cust_" + "a1" * 16
ALL_SCOPES = (
    "read", "devices", "target-states", "overrides", "provisioning-keys", "upgrades"
)  # fmt: skip


PASSWORD = "four words make sense"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)


@dataclass(slots=True)
class Person:
    """Somebody with an account and a session."""

    id: str
    email: str
    access: str
    refresh: str
    password: str = PASSWORD

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    @property
    def session(self) -> str:
        return self.access.split(".")[1]

    def keep(self, tokens: Any) -> None:
        self.access, self.refresh = tokens["accessToken"], tokens["refreshToken"]


@dataclass(slots=True)
class Api:
    """A running worker, asked in process; people are a service token with every scope."""

    conductor: ASGIConductor
    worker: Worker
    clock: MemoryClock
    files: TenantFiles

    async def call(
        self, method: str, path: str, body: Any = None, *, scope: Any = ALL_SCOPES, **kwargs: Any
    ) -> Result:
        headers = {"Authorization": f"Bearer {self.token(scope)}"} | kwargs.pop("headers", {})
        return await self.ask(method, path, body, headers=headers, **kwargs)

    async def ask(self, method: str, path: str, document: Any = None, **kwargs: Any) -> Result:
        if document is not None:  # by hand: the client's own way can't send a lone surrogate
            kwargs |= {"body": json.dumps(document), "content_type": "application/json"}
        return await self.conductor.simulate_request(method, path, **kwargs)

    def token(self, scope: Any = ALL_SCOPES, customer: str = CUSTOMER) -> str:
        return self.files.billing.service_token(customer, scope, self.clock.now())

    async def provisioning_key(self, **wish: Any) -> str:
        answer = await self.call("POST", "/api/provisioning-keys", wish)
        assert answer.status_code == 201, answer.text
        return str(answer.json["key"])

    async def person(self, role: str = "owner", email: str | None = None) -> Person:
        """Make an account, and sign it in, past the routes: those have tests of their own."""
        now, user_id = self.clock.now(), str(uuid.uuid4())
        user = User(
            id=user_id,
            email=email or f"{role}-{user_id[:8]}@example.com",
            name=role.title(),
            role=Role(role),
            password_hash=PASSWORD_HASH,
            created_at=now,
        )
        async with self.worker.database.transaction() as connection:
            await PostgresUsers(connection).add(user)
            client = Client(address="127.0.0.9", user_agent="test")
            tokens = await begin_session(connection, user, client, now)
        return Person(user.id, user.email, tokens.access_token, tokens.refresh_token)

    async def by(
        self, person: Person, method: str, path: str, body: Any = None, **kwargs: Any
    ) -> Result:
        headers = person.headers | kwargs.pop("headers", {})
        return await self.ask(method, path, body, headers=headers, **kwargs)

    async def sign_in(self, person: Person, **body: Any) -> Result:
        given = {"email": person.email, "password": person.password, **body}
        answer = await self.ask("POST", "/api/v1/auth/login", given)
        if answer.status_code == 200:
            person.keep(answer.json)
        return answer

    async def challenge(self, device: MemoryDevice, key: str) -> KeyExchangeAnswer:
        key_id = ProvisioningString.parse(key).key_id
        answer = await self.ask(
            "POST", "/api/provisioning/v2/key-exchange", device.key_exchange(key_id)
        )
        assert answer.status_code == 200, answer.text
        return decode(KeyExchangeAnswer, answer.json, unknown="keep")

    async def register(self, device: MemoryDevice, key: str) -> Result:
        request = device.registration_request(await self.challenge(device, key), key)
        answer = await self.ask("POST", "/api/provisioning/v2/register", device.body(request))
        if answer.status_code == 200:
            device.keep(answer.json)
        return answer

    async def registered(self, **wish: Any) -> MemoryDevice:
        device = MemoryDevice()
        answer = await self.register(device, await self.provisioning_key(**wish))
        assert answer.status_code == 200, answer.text
        return device

    async def poll(self, device: MemoryDevice, etag: str | None = None) -> Result:
        headers = device.headers | ({"If-None-Match": etag} if etag else {})
        return await self.ask("GET", f"/api/v1/device/{device.uuid}/state", headers=headers)

    async def heard(self) -> None:
        """Return when the worker has heard of everything that was committed before."""
        name, etags = str(uuid.uuid4()), self.worker.news.etags
        while not self.worker.listening.now:  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(0.001)

        async def read() -> str:
            return "held"

        await etags.get(name, read, lambda _: name)
        await self.rows("SELECT pg_notify('target_changed', %s)", name)
        while etags.peek(name) is not None:  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(0.001)

    async def write(self, device: MemoryDevice, spec: Any, revision: int = 0) -> Result:
        path = f"/api/v1/devices/{device.uuid}/target-state"
        answer = await self.call("PUT", path, spec, headers={"If-Match": f'"{revision}"'})
        await self.heard()
        return answer

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.worker.database.connection() as connection:
            return await (await connection.execute(statement, arguments)).fetchall()


@pytest.fixture
def customer_id() -> str:
    return CUSTOMER


@pytest.fixture(scope="session")
def billing() -> Billing:
    return Billing()


@pytest.fixture(scope="session")
def tenant_files(billing: Billing) -> Iterator[TenantFiles]:
    with tempfile.TemporaryDirectory(prefix="tn-") as folder:
        files = TenantFiles.make(Path(folder), CUSTOMER, "127.77.6.2", billing)
        yield files
        files.stop()


@pytest.fixture
def conninfo(postgres_server: PostgresServer) -> str:
    def build(conninfo: str) -> None:
        migrate(conninfo, MIGRATIONS)

    return postgres_server.create(template=postgres_server.template("tenant", build))


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def plan() -> str:
    """The plan of the seeded license; tests override it."""
    return "professional"


@pytest.fixture
async def api(
    tenant_files: TenantFiles, conninfo: str, clock: MemoryClock, plan: str
) -> AsyncIterator[Api]:
    token = tenant_files.billing.license_token(CUSTOMER, clock.now(), plan) if plan else None
    license_key = None if token is None else SecretStr(token)
    settings = tenant_files.settings(conninfo, iotistic_license_key=license_key)
    worker = Worker(settings, clock)
    async with ASGIConductor(worker.app()) as conductor:
        yield Api(conductor, worker, clock, tenant_files)
