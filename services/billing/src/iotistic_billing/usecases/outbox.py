"""Put mail into the outbox, and take it out again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from iotistic_billing.domain.mail import MAIL_JOB, Letter, MailKind, job_key, of_use_for
from iotistic_billing.storage.mail import PostgresOutbox, WaitingMail

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database
    from iotistic_kit.work import Job, WorkQueue
    from iotistic_pki.data_key import DataKey

__all__ = ["Outbox"]


class Outbox:
    """Mail in the transaction of the change that it tells of.

    The link, which lets its reader in, is sealed with a key that isn't in the database, and
    forgotten once the mail is sent or of no use any more.
    """

    def __init__(
        self,
        database: Database,
        queue: WorkQueue,
        seal: DataKey,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._queue = queue
        self._seal = seal
        self._clock = clock
        self._random = random

    async def put(  # noqa: PLR0913 -- what a mail is
        self,
        connection: Connection,
        kind: MailKind,
        customer_id: str,
        recipient: str,
        link: str,
        *,
        expires_at: datetime | None = None,
    ) -> UUID:
        """Queue one mail with the caller's transaction; return its id."""
        now, mail_id = self._clock.now(), UUID(bytes=self._random(16), version=4)
        mail = WaitingMail(
            id=mail_id,
            kind=kind,
            recipient=recipient,
            sealed=self._seal.encrypt(link.encode(), mail_id.bytes),
            created_at=now,
            expires_at=expires_at or now + of_use_for(kind),
        )
        await PostgresOutbox(connection).add(mail, customer_id)
        payload = {"mail": str(mail_id), "reason": str(kind)}
        key = job_key(customer_id, MAIL_JOB)
        await self._queue.enqueue(connection, MAIL_JOB, key, payload)
        return mail_id

    async def letter(self, mail_id: UUID) -> Letter | None:
        """Return a mail that waits, with what it says; None when it is no longer to be sent."""
        async with self._database.connection() as connection:
            mail = await PostgresOutbox(connection).waiting(mail_id)
        if mail is None or mail.expires_at <= self._clock.now():
            return None
        return Letter(
            id=mail.id,
            kind=mail.kind,
            recipient=mail.recipient,
            link=self._seal.decrypt(mail.sealed, mail.id.bytes).decode(),
            created_at=mail.created_at,
            expires_at=mail.expires_at,
        )

    async def sent(self, job: Job, mail_id: UUID) -> None:
        """Note that a mail has gone; LeaseLostError when the job is another worker's by now."""
        async with self._database.transaction() as connection:
            await self._queue.require(job, connection)
            await PostgresOutbox(connection).sent(mail_id, self._clock.now())
