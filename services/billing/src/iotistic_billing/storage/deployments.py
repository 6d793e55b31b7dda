"""The one deployment of each customer, with its last job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from iotistic_billing.domain.model import Deployment, JobKind, JobState

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.db import Connection

__all__ = ["PostgresDeployments"]

_ALLOTMENT_LOCK = 0x6164647273  # "addrs"
_SELECT = """
    SELECT d.customer_id, host(d.address) AS address, d.instance_url, d.begun_hash,
           d.applied_hash, d.applied_at, d.ca_pin, d.job_id::text AS job_id,
           w.kind AS job_kind, w.status AS job_state, w.error
      FROM deployments d LEFT JOIN work w ON w.id = d.job_id
"""


class PostgresDeployments:
    """The deployments, within the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, customer_id: str) -> Deployment | None:
        """Return the customer's deployment, or None."""
        return (await self.of([customer_id])).get(customer_id)

    async def of(self, customer_ids: list[str]) -> dict[str, Deployment]:
        """Return the deployments of these customers by customer id."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            sql = f"{_SELECT} WHERE d.customer_id = ANY(%s)"
            await cursor.execute(sql.encode(), [customer_ids])
            found = [_deployment(row) for row in await cursor.fetchall()]
        return {deployment.customer_id: deployment for deployment in found}

    async def taken(self) -> set[str]:
        """Return the addresses in use; nobody else allots one until the transaction ends."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ALLOTMENT_LOCK])
        cursor = await self._connection.execute("SELECT host(address) FROM deployments")
        return {row[0] for row in await cursor.fetchall()}

    async def add(self, deployment: Deployment, now: datetime) -> None:
        """Store a new deployment."""
        await self._connection.execute(
            "INSERT INTO deployments (customer_id, address, instance_url, created_at)"
            " VALUES (%s, %s, %s, %s)",
            [deployment.customer_id, deployment.address, deployment.instance_url, now],
        )

    async def set_job(self, customer_id: str, job_id: str) -> None:
        """Note the job that was queued last."""
        await self._connection.execute(
            "UPDATE deployments SET job_id = %s WHERE customer_id = %s", [job_id, customer_id]
        )

    async def begin(self, customer_id: str, *, wanted: str, fence: int) -> bool:
        """Note that a job begins; from now until it ends nobody knows what is in place.

        False, and nothing changes, when a job with a higher fencing number has begun.
        """
        cursor = await self._connection.execute(
            """UPDATE deployments SET fence = %s, begun_hash = %s, applied_hash = NULL
               WHERE customer_id = %s AND fence <= %s""",
            [fence, wanted, customer_id, fence],
        )
        return cursor.rowcount == 1

    async def applied(
        self, customer_id: str, *, fence: int, now: datetime, ca_pin: str | None
    ) -> bool:
        """Note that what the job began with is in place; a lower fence changes nothing."""
        cursor = await self._connection.execute(
            """UPDATE deployments SET applied_hash = begun_hash, applied_at = %s,
                   ca_pin = coalesce(%s, ca_pin)
               WHERE customer_id = %s AND fence = %s""",
            [now, ca_pin, customer_id, fence],
        )
        return cursor.rowcount == 1

    async def remove(self, customer_id: str, *, fence: int) -> bool:
        """Forget the deployment, so that its address is free; a lower fence changes nothing."""
        cursor = await self._connection.execute(
            "DELETE FROM deployments WHERE customer_id = %s AND fence = %s", [customer_id, fence]
        )
        return cursor.rowcount == 1


def _deployment(row: dict[str, Any]) -> Deployment:
    kind, state = row.pop("job_kind"), row.pop("job_state")
    return Deployment(
        **row,
        job_kind=JobKind(kind) if kind else None,
        job_state=JobState(state) if state else None,
    )
