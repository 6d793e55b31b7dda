"""The only place where the parts of billing are put together."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from iotistic_kit import logs
from iotistic_kit.clock import SystemClock
from iotistic_kit.db import Database
from iotistic_kit.health import Health, UnhealthyError
from iotistic_kit.lifespan import Lifespan
from iotistic_kit.settings import read_settings
from iotistic_kit.work import WORK_MIGRATIONS, WorkQueue
from iotistic_pki.data_key import DataKey
from iotistic_pki.errors import PkiFault
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import Purpose

from .app import Parts, create_app
from .deploy.code import CodeHash
from .metrics import Counts
from .security import Credentials
from .settings import BillingSettings
from .usecases.accounts import Accounts
from .usecases.attempts import Attempts
from .usecases.customers import Customers, Registry
from .usecases.jobs import Jobs
from .usecases.licensing import Licensing
from .usecases.outbox import Outbox
from .usecases.passwords import Passwords
from .usecases.tenants import Platform, Tenants
from .usecases.verification import Verification
from .usecases.visitors import Visitors

if TYPE_CHECKING:
    from iotistic_kit.app import ServiceApp
    from iotistic_kit.clock import Clock

__all__ = ["MIGRATIONS", "Built", "app", "build", "new_token", "outbox_of"]

MIGRATIONS = (WORK_MIGRATIONS, Path(__file__).parent / "migrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The parts, on one database that is not open yet."""

    database: Database
    parts: Parts


def app() -> ServiceApp:
    """Return the application as the environment tells; for granian."""
    settings = read_settings(BillingSettings)
    logs.configure("billing", settings.log_level)
    built = build(settings)
    return create_app(built.parts, [Lifespan([built.database])])


def build(settings: BillingSettings, clock: Clock | None = None) -> Built:
    """Return the parts of the HTTP service."""
    clock = clock or SystemClock()
    database = Database(settings.conninfo, name="iotistic-billing")
    queue = WorkQueue(database)
    keys = KeyStore(settings.license_keys_dir)
    seed = settings.api_key_seed.get_secret_value().encode()
    licensing = Licensing(database, keys, clock, secrets.token_bytes)
    registry = Registry(
        licensing=licensing, clock=clock, random=secrets.token_bytes, api_key_seed=seed
    )
    tenants = _tenants(settings, database, queue, keys, clock)
    jobs, attempts = Jobs(database, queue, clock), Attempts(database, clock)
    verification = Verification(
        database,
        tenants,
        outbox_of(settings, database, queue, clock),
        attempts,
        clock,
        new_token=new_token,
        public_url=settings.public_url,
    )
    accounts = Accounts(
        database,
        tenants,
        registry,
        clock,
        attempts=attempts,
        verification=verification,
        pending_trials=settings.pending_trials,
        random_name=secrets.token_hex,
        passwords=Passwords(PasswordHasher(), secrets.token_hex()),
        seed=seed,
    )
    visitors = Visitors(
        database, accounts, verification, tenants, jobs, attempts, clock, new_token=new_token
    )
    parts = Parts(
        credentials=Credentials(database, clock, settings.admin_token.get_secret_value()),
        tenants=tenants,
        jobs=jobs,
        customers=Customers(database, tenants, registry, clock),
        accounts=accounts,
        verification=verification,
        visitors=visitors,
        form_key=_key(settings, b"billing-forms-v1"),
        new_token=new_token,
        licensing=licensing,
        keys=keys,
        clock=clock,
        counts=Counts(database),
        health=Health({"database": database.check, "keys": _keys_check(keys)}),
        base_domain=settings.base_domain,
        public_url=settings.public_url,
    )
    return Built(database=database, parts=parts)


def new_token() -> str:
    """Return a secret for one browser or one link."""
    return secrets.token_urlsafe(32)


def outbox_of(
    settings: BillingSettings, database: Database, queue: WorkQueue, clock: Clock
) -> Outbox:
    """Return the outbox, sealed by a key that only billing's processes can make."""
    seal = DataKey(_key(settings, b"billing-outbox-v1"))
    return Outbox(database, queue, seal, clock, secrets.token_bytes)


def _key(settings: BillingSettings, purpose: bytes) -> bytes:
    seed = settings.api_key_seed.get_secret_value().encode()
    return hmac.digest(seed, purpose, "sha256")


def _tenants(
    settings: BillingSettings,
    database: Database,
    queue: WorkQueue,
    keys: KeyStore,
    clock: Clock,
) -> Tenants:
    platform = Platform(
        code=CodeHash(settings.deploy_project_dir.resolve()),
        keys=keys,
        base_domain=settings.base_domain,
        billing_url=settings.public_url,
    )
    return Tenants(
        database,
        queue,
        platform,
        clock,
        network=settings.deploy_net,
        verified_only=settings.email_verification,
    )


class _keys_check:  # noqa: N801 -- reads as a check where it is named
    """Whether licenses and service tokens can be signed."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    async def __call__(self) -> None:
        try:
            for purpose in Purpose:
                self._keys.signing_key(purpose)
        except PkiFault as error:
            raise UnhealthyError(f"no usable {purpose} key ({error.reason})") from None
