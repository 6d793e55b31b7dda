"""Create and change customers, by operators and by themselves."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg.errors import UniqueViolation

from iotistic_billing.domain.errors import EmailTaken, PlanConflict
from iotistic_billing.domain.licensing import operator_plan
from iotistic_billing.domain.model import Customer, PlanSource, Subscription
from iotistic_billing.security import api_key_for
from iotistic_billing.storage.accounts import PostgresAccounts, PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_contract.ids import new_customer_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from iotistic_billing.usecases.licensing import Licensing
    from iotistic_billing.usecases.tenants import Tenant, Tenants
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database

__all__ = ["Customers", "Registry", "WantedCustomer", "email_is_free"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCustomer:
    """What an operator wants; None leaves what is there."""

    external_id: str
    company_name: str
    plan: str
    email: str | None = None
    full_name: str | None = None
    suspended: bool = False

    def over(self, actual: Customer, now: datetime) -> Customer:
        """Return ``actual`` with this applied; PlanConflict where Stripe decides the plan."""
        held = actual.subscription
        if held.plan != self.plan:
            held = _operators(actual, self.plan, now)
        return replace(
            actual,
            company_name=self.company_name,
            email=self.email or actual.email,
            full_name=self.full_name or actual.full_name,
            suspended=self.suspended,
            subscription=held,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Makes customers, each with a license and an API key."""

    licensing: Licensing
    clock: Clock
    random: Callable[[int], bytes]
    api_key_seed: bytes

    def drawn(
        self,
        *,
        external_id: str,
        company_name: str,
        email: str | None,
        full_name: str | None,
        subscription: Subscription,
    ) -> Customer:
        """Return a customer with an id of its own, not yet stored."""
        return Customer(
            id=new_customer_id(self.random),
            external_id=external_id,
            company_name=company_name,
            email=email,
            full_name=full_name,
            email_verified_at=None,
            suspended=False,
            removed_at=None,
            created_at=self.clock.now(),
            subscription=subscription,
        )

    async def add(
        self,
        connection: Connection,
        customer: Customer,
        password_hash: str | None = None,
        source: str | None = None,
    ) -> None:
        """Store a new customer, who signed up from ``source`` or was made by an operator.

        EmailTaken when the address is somebody else's.
        """
        with email_is_free():
            await PostgresCustomers(connection).add(customer, password_hash, source)
        key = api_key_for(self.api_key_seed, customer.id)
        accounts = PostgresAccounts(connection)
        await accounts.add_api_key(key.id, customer.id, key.secret_hash, customer.created_at)
        await self.licensing.ensure(connection, customer, "created")


class Customers:
    """The commercial records."""

    def __init__(
        self, database: Database, tenants: Tenants, registry: Registry, clock: Clock
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._registry = registry
        self._clock = clock

    async def put(self, wanted: WantedCustomer, actor: str) -> tuple[Tenant, bool]:
        """Make the customer so; return it and whether it is new. Twice is once."""
        async with self._database.transaction() as connection:
            await _one_at_a_time(connection, wanted.external_id)
            actual = await PostgresCustomers(connection).by_external_id(wanted.external_id)
            if actual is None:
                customer = await self._create(connection, wanted, actor)
            else:
                customer = wanted.over(actual, self._clock.now())
                await self._write(connection, actual, customer, actor)
            return await self._tenants.shown(connection, customer), actual is None

    async def set_plan(self, customer_id: str, plan: str, actor: str) -> Tenant:
        """Set the plan by an operator's word; a tenant that is deployed follows."""
        async with self._database.transaction() as connection:
            customers = PostgresCustomers(connection)
            actual = await customers.get(customer_id, lock=True)
            held = _operators(actual, plan, self._clock.now())
            customer = replace(actual, subscription=held)
            await self._write(connection, actual, customer, actor)
            return await self._followed(connection, customer, f"plan {plan}", actor)

    async def change(
        self, customer_id: str, actor: str, *, company_name: str | None, full_name: str | None
    ) -> Tenant:
        """Change what people may change of their own record; a deployed tenant follows."""
        async with self._database.transaction() as connection:
            customers = PostgresCustomers(connection)
            actual = await customers.get(customer_id, lock=True)
            customer = replace(
                actual,
                company_name=company_name or actual.company_name,
                full_name=full_name or actual.full_name,
            )
            await self._write(connection, actual, customer, actor)
            return await self._followed(connection, customer, "own record changed", actor)

    async def _followed(
        self, connection: Connection, customer: Customer, reason: str, actor: str
    ) -> Tenant:
        """Return the customer, after queueing a deployment where something else is wanted now."""
        shown = await self._tenants.shown(connection, customer)
        deployment = shown.deployment
        if deployment is None or shown.state == "absent":
            return shown
        if deployment.applied_hash == shown.wanted_hash:
            return shown
        await self._tenants.queue(connection, customer, reason, actor)
        return await self._tenants.shown(connection, customer)

    async def _create(self, connection: Connection, wanted: WantedCustomer, actor: str) -> Customer:
        now = self._clock.now()
        drawn = self._registry.drawn(
            external_id=wanted.external_id,
            company_name=wanted.company_name,
            email=wanted.email,
            full_name=wanted.full_name,
            subscription=operator_plan(wanted.plan, now, None),
        )
        customer = replace(drawn, suspended=wanted.suspended)
        await self._registry.add(connection, customer)
        audit = PostgresAudit(connection)
        await audit.note(now, actor, "customer_created", customer.id, plan=wanted.plan)
        return customer

    async def _write(
        self, connection: Connection, actual: Customer, customer: Customer, actor: str
    ) -> None:
        """Store what differs, with a new license where it says something else."""
        if customer == actual:
            return
        now = self._clock.now()
        with email_is_free():
            await PostgresCustomers(connection).update(customer, now)
        await self._registry.licensing.ensure(connection, customer, "changed")
        changed = [name for name in _CHANGEABLE if getattr(actual, name) != getattr(customer, name)]
        audit = PostgresAudit(connection)
        plan = customer.subscription.plan
        await audit.note(now, actor, "customer_changed", customer.id, changed=changed, plan=plan)


@contextmanager
def email_is_free() -> Iterator[None]:
    """Turn the database's refusal of a second e-mail address into EmailTaken."""
    try:
        yield
    except UniqueViolation as error:
        if error.diag.constraint_name == "customers_email_key":
            raise EmailTaken("there is a customer with this e-mail address") from None
        raise


_CHANGEABLE = ("company_name", "email", "full_name", "suspended", "subscription")


def _operators(actual: Customer, plan: str, now: datetime) -> Subscription:
    held = actual.subscription
    if held.plan_source is PlanSource.STRIPE:
        if held.plan == plan:
            return held
        raise PlanConflict(f"the customer pays for {held.plan} through Stripe")
    return operator_plan(plan, now, held)


async def _one_at_a_time(connection: Connection, external_id: str) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [external_id])
