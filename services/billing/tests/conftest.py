"""Billing on a database of the test's own, asked in process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from falcon.testing import ASGIConductor, Result

from iotistic_billing.app import create_app
from iotistic_billing.runtime import MIGRATIONS, Built, build
from iotistic_billing.settings import BillingSettings
from iotistic_kit.clock import MemoryClock
from iotistic_kit.lifespan import Lifespan
from iotistic_kit.migrations import migrate
from iotistic_pki.keys import PrivateKey, new_key
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import Purpose

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from iotistic_kit.app import Route
    from iotistic_kit.testing import PostgresServer


class HeldHasher(PasswordHasher):
    """Hashes quickly, but only while ``goes_on`` is set; ``held`` counts those that wait."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=32)
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.held = threading.Semaphore(0)

    def hash(self, *given: Any, **more: Any) -> str:
        """Hash, in time."""
        self._wait()
        return super().hash(*given, **more)

    def verify(self, *given: Any, **more: Any) -> bool:  # type: ignore[override]
        """Check, in time."""
        self._wait()
        return super().verify(*given, **more)

    def _wait(self) -> None:
        if not self.goes_on.is_set():
            self.held.release()
            assert self.goes_on.wait(60)


@pytest.fixture
def hasher() -> Iterator[HeldHasher]:
    """Quick hashes that a test may hold up."""
    made = HeldHasher()
    yield made
    made.goes_on.set()


ADMIN_TOKEN = "admin-" + "t" * 40
NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@dataclass(slots=True)
class Billing:
    """A running application; calls are an operator's unless a token is given."""

    conductor: ASGIConductor
    built: Built
    clock: MemoryClock
    settings: BillingSettings

    def routes(self) -> list[Route]:
        """Every method of every path."""
        return list(create_app(self.built.parts).routes())

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = ADMIN_TOKEN,
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> Result:
        """Send one request, as if from the address ``source``."""
        told = dict(headers or {})
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        return await self.conductor.simulate_request(
            method, path, json=body, headers=told, remote_addr=source
        )

    async def customer(self, name: str = "acme", plan: str = "professional") -> dict[str, Any]:
        """Make a customer as a module does, and return its view."""
        body = {"company_name": "Acme Pumps", "plan": plan}
        answer = await self.call("PUT", f"/api/customers/by-external-id/{name}", body)
        assert answer.status_code in {200, 201}, answer.text
        view: dict[str, Any] = answer.json
        return view


@pytest.fixture(scope="session")
def signing_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of keys for the whole run: RSA keys take a while to make."""
    folder = tmp_path_factory.mktemp("license-keys")
    store = KeyStore(folder, small_key)
    for purpose in Purpose:
        store.generate(purpose, NOW)
    return folder


def small_key(kind: str) -> PrivateKey:
    """A key that is made quickly."""
    return new_key("rsa2048" if kind.startswith("rsa") else kind)


@pytest.fixture
def secrets_of_billing() -> dict[str, str]:
    """The secrets that billing is told."""
    return {"admin_token": ADMIN_TOKEN, "api_key_seed": "seed-" + "s" * 40}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with a playbook that a test may change."""
    folder = tmp_path / "project"
    (folder / "playbooks").mkdir(parents=True)
    (folder / "playbooks" / "tenant_apply.yml").write_text("---\n")
    return folder


@pytest.fixture
def conninfo(postgres_server: PostgresServer) -> str:
    """A migrated database."""
    template = postgres_server.template("billing", lambda each: migrate(each, MIGRATIONS))
    return postgres_server.create(template)


def settings_for(signing_keys: Path, project: Path, conninfo: str = "", **more: Any) -> Any:
    """The settings of a service under test."""
    return BillingSettings.model_validate(
        {
            "license_keys_dir": signing_keys,
            "admin_token": ADMIN_TOKEN,
            "api_key_seed": "seed-" + "s" * 40,
            "deploy_project_dir": project,
            "deploy_net": "127.77.7.0/24",
            "email_verification": False,
            "database_url": conninfo,
            "public_url": "https://billing.example",
            **more,
        }
    )


@pytest.fixture
async def billing(
    signing_keys: Path, project: Path, conninfo: str, request: pytest.FixtureRequest
) -> AsyncIterator[Billing]:
    """A running service; parametrized indirectly with further settings."""
    settings = settings_for(signing_keys, project, conninfo, **getattr(request, "param", {}))
    clock = MemoryClock(NOW)
    built = build(settings, clock)
    app = create_app(built.parts, [Lifespan([built.database])])
    async with ASGIConductor(app) as conductor:
        yield Billing(conductor, built, clock, settings)


@pytest.fixture
def small_keys() -> Any:
    """What makes keys quickly."""
    return small_key


@pytest.fixture
def now() -> datetime:
    """When tests are."""
    return NOW


@pytest.fixture
def offline_settings(signing_keys: Path, project: Path) -> Any:
    """The settings of a service whose database nobody asks."""
    return settings_for(signing_keys, project, "host=127.0.0.1 port=1 dbname=none")
