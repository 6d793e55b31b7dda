"""Prove that an e-mail address is the customer's, before anything is deployed for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import VerificationGone
from iotistic_billing.domain.mail import MailKind, of_use_for
from iotistic_billing.domain.tenancy import dashboard_url
from iotistic_billing.security import digest
from iotistic_billing.storage.accounts import PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers
from iotistic_billing.storage.deployments import PostgresDeployments
from iotistic_billing.storage.mail import PostgresOutbox
from iotistic_billing.storage.visits import PostgresVerifications, PostgresVisits

if TYPE_CHECKING:
    from collections.abc import Callable

    from iotistic_billing.domain.model import Customer
    from iotistic_billing.storage.visits import Pending
    from iotistic_billing.usecases.attempts import Attempts
    from iotistic_billing.usecases.outbox import Outbox
    from iotistic_billing.usecases.tenants import Tenants
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database

__all__ = ["Verification"]

PAUSE = timedelta(minutes=1)
# Of a source to an address, and of all sources to it beyond what each has to itself.
OWN_MAILS, MORE_MAILS, SHARED_MAILS = 3, 2, 20
MAIL_WINDOW = timedelta(hours=24)
MAIL_KEPT = timedelta(days=30)


class Verification:
    """Links in mails: one at a time, used once, kept as a hash."""

    def __init__(  # noqa: PLR0913 -- what a link is made from
        self,
        database: Database,
        tenants: Tenants,
        outbox: Outbox,
        attempts: Attempts,
        clock: Clock,
        *,
        new_token: Callable[[], str],
        public_url: str,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._outbox = outbox
        self._attempts = attempts
        self._clock = clock
        self._new_token = new_token
        self._public_url = public_url

    async def begin(self, connection: Connection, customer: Customer, source: str) -> bool:
        """Send the customer a link, unless there was one just now or too much mail today."""
        now, email = self._clock.now(), customer.email
        verifications = PostgresVerifications(connection)
        last = await verifications.made_at(customer.id)
        if email is None or (last is not None and now - last < PAUSE):
            return False
        if not await self._may_mail(connection, email, source):
            return False
        token, until = self._new_token(), now + of_use_for(MailKind.VERIFY)
        await verifications.put(digest(token), customer.id, email, now, until)
        link = f"{self._public_url}/verify?token={token}"
        await self._outbox.put(
            connection, MailKind.VERIFY, customer.id, email, link, expires_at=until
        )
        return True

    async def remind(self, email: str, source: str) -> None:
        """Mail whoever has this address: a new link, or that there is an account; or nobody."""
        async with self._database.transaction() as connection:
            customer = await PostgresCustomers(connection).by_email(email)
            if customer is None:
                return
            deployment = await PostgresDeployments(connection).get(customer.id)
            if self._tenants.awaits_verification(customer) and deployment is None:
                await self.begin(connection, customer, source)
            elif await self._may_mail(connection, email, source):
                link = dashboard_url(deployment.address) if deployment else self._public_url
                await self._outbox.put(connection, MailKind.KNOWN, customer.id, email, link)

    async def look(self, token: str) -> Pending:
        """Return what a link would prove; VerificationGone when it can't any more."""
        async with self._database.connection() as connection:
            verifications = PostgresVerifications(connection)
            pending = await verifications.pending(digest(token), self._clock.now())
        if pending is None:
            raise VerificationGone("the link was used, is over, or a newer one has taken its place")
        return pending

    async def confirm(self, token: str) -> str:
        """Use the link up, and queue the tenant; return the customer."""
        now = self._clock.now()
        customer_id = (await self.look(token)).customer_id
        async with self._database.transaction() as connection:
            # The customer first, then its link: as whatever removes both takes them.
            if not await PostgresCustomers(connection).held(customer_id):
                raise VerificationGone("another sign-up took this one's place meanwhile")
            if await PostgresVerifications(connection).use(digest(token), now) is None:
                raise VerificationGone("the link was used meanwhile")
            audit = PostgresAudit(connection)
            await audit.note(now, customer_id, "email_verified", customer_id)
            customer = await PostgresCustomers(connection).get(customer_id, lock=True)
            await self._tenants.queue(connection, customer, "e-mail verified", customer_id)
        return customer_id

    async def forget_old(self) -> None:
        """Remove old mail, visits that have ended, and sign-ups whose link is over."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await PostgresOutbox(connection).forget(now, MAIL_KEPT)
            await PostgresVisits(connection).forget(now)
            customers = PostgresCustomers(connection)
            made_before = now - of_use_for(MailKind.VERIFY)
            for customer_id in await customers.forget_unproved(made_before, now):
                audit = PostgresAudit(connection)
                await audit.note(now, "billing", "sign_up_forgotten", customer_id)

    async def _may_mail(self, connection: Connection, email: str, source: str) -> bool:
        """Tell whether a source may have one more mail sent to an address.

        It has some of a day to itself: no others can use up an address's mail.
        """
        window, whose = MAIL_WINDOW, f"{email} {source}"
        allowed = self._attempts.allowed
        if await allowed(connection, "mail_own", whose, OWN_MAILS, window):
            return True
        if not await allowed(connection, "mail_more", whose, MORE_MAILS, window):
            return False
        return await allowed(connection, "mail_shared", email, SHARED_MAILS, window)
