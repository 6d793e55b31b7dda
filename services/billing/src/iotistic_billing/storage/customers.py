"""Customers with their subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from iotistic_billing.domain.errors import CustomerNotFound
from iotistic_billing.domain.model import Customer, PlanSource, Subscription

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.db import Connection

__all__ = ["PostgresCustomers"]

_SELECT = """
    SELECT c.id, c.external_id, c.company_name, c.email, c.full_name, c.email_verified_at,
           c.suspended, c.removed_at, c.created_at, s.plan, s.plan_source,
           s.status AS subscription_status, s.trial_ends_at, s.current_period_ends_at,
           s.cancels_at_period_end
      FROM customers c JOIN subscriptions s ON s.customer_id = c.id
"""
# Whoever signed up, and has neither proved the address nor ever had a tenant.
_UNPROVED = """
    DELETE FROM customers c USING subscriptions s
     WHERE s.customer_id = c.id AND s.plan_source = 'trial'
       AND c.email_verified_at IS NULL AND c.removed_at IS NULL
       AND NOT EXISTS (SELECT FROM deployments d WHERE d.customer_id = c.id)
"""


class PostgresCustomers:
    """The customers, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, customer_id: str, *, lock: bool = False) -> Customer:
        """Return the customer, ``lock``ed until the transaction ends, or raise CustomerNotFound."""
        sql = f"{_SELECT} WHERE c.id = %s" + (" FOR UPDATE" if lock else "")
        found = await self._all(sql, [customer_id])
        if not found:
            raise CustomerNotFound(f"no customer {customer_id}")
        return found[0]

    async def by_external_id(self, external_id: str) -> Customer | None:
        """Return the customer of that name, or None."""
        found = await self._all(f"{_SELECT} WHERE c.external_id = %s", [external_id])
        return found[0] if found else None

    async def by_email(self, email: str) -> Customer | None:
        """Return the customer with that address, locked until the transaction ends, or None."""
        found = await self._all(f"{_SELECT} WHERE c.email = %s FOR UPDATE", [email])
        return found[0] if found else None

    async def held(self, customer_id: str) -> bool:
        """Lock a customer until the transaction ends; False when there is none any more."""
        cursor = await self._connection.execute(
            "SELECT FROM customers WHERE id = %s FOR UPDATE", [customer_id]
        )
        return await cursor.fetchone() is not None

    async def page(
        self, *, after: str, limit: int, external_id: str | None = None
    ) -> list[Customer]:
        """Return at most ``limit`` customers whose id comes after ``after``."""
        sql = f"""{_SELECT} WHERE c.id > %(after)s
            AND (%(external_id)s::text IS NULL OR c.external_id = %(external_id)s)
            ORDER BY c.id LIMIT %(limit)s"""
        return await self._all(sql, {"after": after, "limit": limit, "external_id": external_id})

    async def due(self, now: datetime) -> list[str]:
        """Return the ids of customers whose paid period has ended."""
        cursor = await self._connection.execute(
            "SELECT customer_id FROM subscriptions WHERE current_period_ends_at <= %s"
            " AND plan_source = 'operator'",
            [now],
        )
        return [row[0] for row in await cursor.fetchall()]

    async def add(
        self, customer: Customer, password_hash: str | None = None, source: str | None = None
    ) -> None:
        """Store a new customer with its subscription, and where it signed up from."""
        await self._connection.execute(
            """INSERT INTO customers (id, external_id, company_name, email, full_name,
                   password_hash, email_verified_at, suspended, created_at, updated_at,
                   signed_up_from)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                customer.id,
                customer.external_id,
                customer.company_name,
                customer.email,
                customer.full_name,
                password_hash,
                customer.email_verified_at,
                customer.suspended,
                customer.created_at,
                customer.created_at,
                source,
            ],
        )
        await self.subscribe(customer.id, customer.subscription)

    async def update(self, customer: Customer, now: datetime) -> None:
        """Write what may change of a customer, and its subscription."""
        await self._connection.execute(
            """UPDATE customers SET company_name = %s, email = %s, full_name = %s,
                   suspended = %s, updated_at = %s WHERE id = %s""",
            [
                customer.company_name,
                customer.email,
                customer.full_name,
                customer.suspended,
                now,
                customer.id,
            ],
        )
        await self.subscribe(customer.id, customer.subscription)

    async def set_removed(self, customer_id: str, at: datetime | None) -> None:
        """Note when the tenant was removed, None when there is one again."""
        await self._connection.execute(
            "UPDATE customers SET removed_at = %s WHERE id = %s", [at, customer_id]
        )

    async def subscribe(self, customer_id: str, held: Subscription) -> None:
        """Store the subscription in place of the one before."""
        await self._connection.execute(
            """INSERT INTO subscriptions (customer_id, plan, plan_source, status, trial_ends_at,
                   current_period_ends_at, cancels_at_period_end)
               VALUES (%s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET plan = excluded.plan,
                   plan_source = excluded.plan_source, status = excluded.status,
                   trial_ends_at = excluded.trial_ends_at,
                   current_period_ends_at = excluded.current_period_ends_at,
                   cancels_at_period_end = excluded.cancels_at_period_end""",
            [
                customer_id,
                held.plan,
                held.plan_source,
                held.status,
                held.trial_ends_at,
                held.current_period_ends_at,
                held.cancels_at_period_end,
            ],
        )

    async def password_of(self, email: str) -> tuple[str, str] | None:
        """Return id and password hash of the customer with that e-mail address."""
        cursor = await self._connection.execute(
            "SELECT id, password_hash FROM customers"
            " WHERE email = %s AND password_hash IS NOT NULL",
            [email],
        )
        row = await cursor.fetchone()
        return (row[0], row[1]) if row else None

    async def pending_trials(self, source: str) -> tuple[int, int]:
        """Return how many sign-ups wait for their address to be verified, and how many of a source.

        Other sign-ups from there wait until the transaction ends.
        """
        await self.one_at_a_time(f"source {source}")
        cursor = await self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE c.signed_up_from = %s)"
            " FROM customers c JOIN subscriptions s ON s.customer_id = c.id"
            " WHERE c.email_verified_at IS NULL AND s.plan_source = 'trial'"
            " AND NOT EXISTS (SELECT FROM deployments d WHERE d.customer_id = c.id)",
            [source],
        )
        row = await cursor.fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    async def one_at_a_time(self, what: str) -> None:
        """Hold the right to sign ``what`` up until the transaction ends."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [what]
        )

    async def forget_unproved(self, before: datetime, now: datetime) -> list[str]:
        """Remove sign-ups of before that have no link to prove their address by, nor a tenant."""
        sql = _UNPROVED + (
            """ AND c.created_at <= %s AND NOT EXISTS (SELECT FROM email_verifications v
                                   WHERE v.customer_id = c.id AND v.expires_at > %s)
            RETURNING c.id"""
        )
        cursor = await self._connection.execute(sql.encode(), [before, now])
        return [row[0] for row in await cursor.fetchall()]

    async def make_way(self, customer_id: str) -> bool:
        """Remove a sign-up with its links, visits, sessions and mail, if its address is unproved.

        False for a customer who proved it, has or had a tenant, or was suspended.
        """
        sql = f"{_UNPROVED} AND c.id = %s AND NOT c.suspended"
        cursor = await self._connection.execute(sql.encode(), [customer_id])
        return cursor.rowcount == 1

    async def _all(self, sql: str, parameters: Any) -> list[Customer]:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.encode(), parameters)
            return [_customer(row) for row in await cursor.fetchall()]


def _customer(row: dict[str, Any]) -> Customer:
    return Customer(
        id=row["id"],
        external_id=row["external_id"],
        company_name=row["company_name"],
        email=row["email"],
        full_name=row["full_name"],
        email_verified_at=row["email_verified_at"],
        suspended=row["suspended"],
        removed_at=row["removed_at"],
        created_at=row["created_at"],
        subscription=Subscription(
            plan=row["plan"],
            plan_source=PlanSource(row["plan_source"]),
            status=row["subscription_status"],
            trial_ends_at=row["trial_ends_at"],
            current_period_ends_at=row["current_period_ends_at"],
            cancels_at_period_end=row["cancels_at_period_end"],
        ),
    )
