"""People at a browser: they sign up, prove their address, and watch their tenant come up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import EmailTaken, VerificationGone
from iotistic_billing.domain.progress import Progress, progress_of
from iotistic_billing.domain.tenancy import dashboard_url
from iotistic_billing.security import digest
from iotistic_billing.storage.mail import PostgresInvitations
from iotistic_billing.storage.visits import PostgresVisits, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from iotistic_billing.usecases.accounts import Accounts, SignUpForm
    from iotistic_billing.usecases.attempts import Attempts
    from iotistic_billing.usecases.jobs import Jobs
    from iotistic_billing.usecases.tenants import Tenant, Tenants
    from iotistic_billing.usecases.verification import Verification
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database

__all__ = ["Link", "Shown", "Visitors"]

VISIT = timedelta(days=3)
RESENDS, RESEND_WINDOW = 3, timedelta(hours=1)
LINKS, LINK_WINDOW = 30, timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the status page says; ``dashboard`` is set once the tenant answers there."""

    email: str
    progress: Progress
    dashboard: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the page behind a mailed link says; another browser asks for the password."""

    email: str
    company_name: str
    asks_password: bool


class Visitors:
    """What the pages do. A visit's token is a browser's cookie, kept as a hash."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what the pages are made from
        self,
        database: Database,
        accounts: Accounts,
        verification: Verification,
        tenants: Tenants,
        jobs: Jobs,
        attempts: Attempts,
        clock: Clock,
        *,
        new_token: Callable[[], str],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._verification = verification
        self._tenants = tenants
        self._jobs = jobs
        self._attempts = attempts
        self._clock = clock
        self._new_token = new_token

    async def sign_up(self, form: SignUpForm) -> str:
        """Sign up, and return the visit's token; alike for an address that is known already.

        Whoever has the known address is told by mail.
        """
        customer_id: str | None = None
        try:
            customer_id = (await self._accounts.sign_up(form)).customer_id
        except EmailTaken:
            await self._verification.remind(form.email, form.source)
        return await self._opened(Visit(customer_id, form.email))

    async def mail_again(self, token: str, source: str) -> None:
        """Send the visitor's mail once more; as often, or not, for every address."""
        visit = await self._visit(token)
        if visit is None:
            return
        whose = f"{visit.email} {source}"
        await self._attempts.count("resend", whose, RESENDS, RESEND_WINDOW)
        await self._verification.remind(visit.email, source)

    async def link(self, link: str, token: str, source: str) -> Link:
        """Return what a mailed link is about; VerificationGone when it is over."""
        await self._attempts.count("link", source, LINKS, LINK_WINDOW)
        pending = await self._verification.look(link)
        visit = await self._visit(token)
        own = visit is not None and visit.customer_id == pending.customer_id
        return Link(email=pending.email, company_name=pending.company_name, asks_password=not own)

    async def confirm(self, link: str, token: str, password: str, source: str) -> str:
        """Prove the address and queue the tenant; return the token of a new visit.

        In another browser than the one that signed up the password is asked for: whoever signs up
        with somebody else's address can't have them confirm it.
        """
        found = await self.link(link, token, source)
        if found.asks_password:
            owner = await self._accounts.check_password(found.email, password, source)
            if owner != (await self._verification.look(link)).customer_id:
                raise VerificationGone("the link is another customer's")
        customer_id = await self._verification.confirm(link)
        return await self._opened(Visit(customer_id, found.email))

    async def shown(self, token: str) -> Shown | None:
        """Return how far the visitor's tenant is, None for a browser that nobody knows."""
        visit = await self._visit(token)
        if visit is None:
            return None
        if visit.customer_id is None:
            return Shown(email=visit.email, progress=progress_of(None, None))
        tenant = await self._tenants.get(visit.customer_id)
        async with self._database.connection() as connection:
            invited = await PostgresInvitations(connection).is_out(visit.customer_id)
        deployment = tenant.deployment
        progress = progress_of(
            tenant.customer, deployment, await self._run(tenant), invited=invited
        )
        ready = deployment is not None and deployment.applied_at is not None
        dashboard = dashboard_url(deployment.address) if deployment and ready else None
        return Shown(email=visit.email, progress=progress, dashboard=dashboard)

    async def _run(self, tenant: Tenant) -> Mapping[str, Any] | None:
        deployment = tenant.deployment
        if deployment is None or deployment.job_id is None:
            return None
        return (await self._jobs.get(deployment.job_id)).progress

    async def _visit(self, token: str) -> Visit | None:
        async with self._database.connection() as connection:
            return await PostgresVisits(connection).get(digest(token), self._clock.now())

    async def _opened(self, visit: Visit) -> str:
        token, until = self._new_token(), self._clock.now() + VISIT
        async with self._database.transaction() as connection:
            await PostgresVisits(connection).add(digest(token), visit, until)
        return token
