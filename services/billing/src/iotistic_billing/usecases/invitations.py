"""The owner's invitation: asked of the tenant once it is there, and mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.domain.mail import INVITE_JOB, MailKind, job_key
from iotistic_billing.storage.accounts import PostgresAudit
from iotistic_billing.storage.mail import PostgresInvitations

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_billing.usecases.outbox import Outbox
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database
    from iotistic_kit.work import Job, WorkQueue

__all__ = ["Invitations"]


class Invitations:
    """Notes who is to be invited, and how that ended."""

    def __init__(self, database: Database, queue: WorkQueue, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._outbox = outbox
        self._clock = clock

    async def ask(self, connection: Connection, customer_id: str) -> None:
        """Queue the invitation with the transaction that says that the tenant is there; once."""
        if await PostgresInvitations(connection).ask(customer_id, self._clock.now()):
            key = job_key(customer_id, INVITE_JOB)
            await self._queue.enqueue(connection, INVITE_JOB, key, {"reason": "deployed"})

    async def forget(self, connection: Connection, customer_id: str) -> None:
        """Forget it with the tenant."""
        await PostgresInvitations(connection).forget(customer_id)

    async def is_open(self, customer_id: str) -> bool:
        """Tell whether the tenant is still to be asked."""
        async with self._database.transaction() as connection:
            return await PostgresInvitations(connection).is_open(customer_id)

    async def mail(
        self, job: Job, customer_id: str, recipient: str, link: str, expires_at: datetime
    ) -> None:
        """Queue the mail with the link; once, however many workers have asked the tenant."""
        async with self._database.transaction() as connection:
            await self._queue.require(job, connection)
            invitations = PostgresInvitations(connection)
            if not await invitations.is_open(customer_id):
                return
            mail_id = await self._outbox.put(
                connection, MailKind.INVITE, customer_id, recipient, link, expires_at=expires_at
            )
            now = self._clock.now()
            await invitations.end(customer_id, "mailed", now, mail_id)
            audit = PostgresAudit(connection)
            await audit.note(now, "billing", "owner_invited", customer_id)

    async def needless(self, job: Job, customer_id: str) -> None:
        """Note that the tenant has an owner already."""
        async with self._database.transaction() as connection:
            await self._queue.require(job, connection)
            await PostgresInvitations(connection).end(
                customer_id, "owner_exists", self._clock.now()
            )
