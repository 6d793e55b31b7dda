"""Sign up and sign in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_billing.domain.errors import (
    EmailTaken,
    IdempotencyKeyReused,
    LoginRefused,
    TrialsExhausted,
    VerificationPending,
)
from iotistic_billing.domain.licensing import trial
from iotistic_billing.security import digest, fingerprint, new_session_token
from iotistic_billing.storage.accounts import Answered, PostgresAccounts, PostgresAudit
from iotistic_billing.storage.customers import PostgresCustomers

if TYPE_CHECKING:
    from collections.abc import Callable

    from iotistic_billing.usecases.attempts import Attempts
    from iotistic_billing.usecases.customers import Registry
    from iotistic_billing.usecases.passwords import Passwords
    from iotistic_billing.usecases.tenants import Queued, Tenants
    from iotistic_billing.usecases.verification import Verification
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Connection, Database

__all__ = ["Accounts", "Session", "SignUpForm", "SignedUp"]

ROUTE = "POST /api/customers/signup"
SIGN_UPS, SIGN_UP_WINDOW = 5, timedelta(hours=1)
PENDING_OF_SOURCE = 3
LOGINS_OF_ADDRESS, LOGINS_OF_EMAIL = 30, 10
LOGIN_WINDOW = timedelta(minutes=15)
SESSION = timedelta(hours=12)
ANSWERS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpForm:
    """What a new customer has typed; ``source`` is the IPv4 address or IPv6 /64 it came from."""

    email: str
    password: str
    company_name: str
    full_name: str
    source: str
    idempotency_key: str | None = None

    @property
    def typed(self) -> tuple[str, ...]:
        """All that was typed, for telling a repetition from another request."""
        return self.email, self.password, self.company_name, self.full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUp:
    """A customer that signed up, now or in the request that this one repeats."""

    customer_id: str
    job_id: str | None
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person's session; ``token`` is shown once."""

    token: str
    customer_id: str
    expires_at: datetime


class Accounts:
    """The accounts of people who sign up by themselves."""

    def __init__(  # noqa: PLR0913 -- what an account is made from
        self,
        database: Database,
        tenants: Tenants,
        registry: Registry,
        clock: Clock,
        *,
        attempts: Attempts,
        verification: Verification,
        pending_trials: int,
        random_name: Callable[[int], str],
        passwords: Passwords,
        seed: bytes,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._registry = registry
        self._clock = clock
        self._attempts = attempts
        self._verification = verification
        self._pending_trials = pending_trials
        self._random_name = random_name
        self._passwords = passwords
        self._seed = seed

    async def sign_up(self, form: SignUpForm) -> SignedUp:
        """Make a customer on trial and queue its tenant, or only once the address is verified.

        A repetition under the same Idempotency-Key returns what the first one made.
        """
        await self._attempts.count("signup", form.source, SIGN_UPS, SIGN_UP_WINDOW)
        body_hash = fingerprint(self._seed, form.typed)
        before = await self._answered(form, body_hash)
        if before is not None:
            return before
        password_hash = await self._passwords.hash(form.password)
        async with self._database.transaction() as connection:
            accounts = PostgresAccounts(connection)
            if form.idempotency_key is not None:
                meanwhile = await accounts.reserve_answer(
                    ROUTE, form.idempotency_key, body_hash, self._clock.now()
                )
                if meanwhile is not None:
                    return _replayed(meanwhile, body_hash)
            made = await self._make(connection, form, password_hash)
            if form.idempotency_key is not None:
                answer = {"customer_id": made.customer_id, "job_id": made.job_id}
                await accounts.keep_answer(ROUTE, form.idempotency_key, answer)
            return made

    async def login(self, email: str, password: str, source: str) -> Session:
        """Return a new session; LoginRefused alike for a wrong password and an unknown address."""
        customer_id = await self.check_password(email, password, source)
        now = self._clock.now()
        token = new_session_token()
        session = Session(token=token, customer_id=customer_id, expires_at=now + SESSION)
        async with self._database.transaction() as connection:
            accounts = PostgresAccounts(connection)
            await accounts.add_session(digest(token), customer_id, session.expires_at)
            audit = PostgresAudit(connection)
            await audit.note(now, customer_id, "session_opened", customer_id, source=source)
        return session

    async def check_password(self, email: str, password: str, source: str) -> str:
        """Return the customer whose password this is, or raise LoginRefused.

        Tries are counted by the address that they come from, so that nobody tries one password
        with many accounts, and by the account, so that many addresses together get no further.
        """
        await self._attempts.count("login_address", source, LOGINS_OF_ADDRESS, LOGIN_WINDOW)
        await self._attempts.count("login_email", email, LOGINS_OF_EMAIL, LOGIN_WINDOW)
        async with self._database.connection() as connection:
            found = await PostgresCustomers(connection).password_of(email)
        customer_id, stored = found or ("", None)
        if not await self._passwords.matches(stored, password):
            raise LoginRefused("the e-mail address or the password is wrong")
        return customer_id

    async def forget_old(self) -> None:
        """Remove sessions, attempts and kept answers that are over."""
        async with self._database.transaction() as connection:
            await PostgresAccounts(connection).forget(self._clock.now(), ANSWERS_KEPT)

    async def _make(self, connection: Connection, form: SignUpForm, password_hash: str) -> SignedUp:
        now = self._clock.now()
        customers = PostgresCustomers(connection)
        pending, of_source = await customers.pending_trials(form.source)
        if pending >= self._pending_trials or of_source >= PENDING_OF_SOURCE:
            raise TrialsExhausted("too many trials wait to be verified; try again later")
        replaced = await self._make_way(connection, form)
        customer = self._registry.drawn(
            external_id=f"trial-{self._random_name(6)}",
            company_name=form.company_name,
            email=form.email,
            full_name=form.full_name,
            subscription=trial(now),
        )
        await self._registry.add(connection, customer, password_hash, form.source)
        audit = PostgresAudit(connection)
        await audit.note(now, customer.id, "signed_up", customer.id, source=form.source)
        queued = await self._deployed(connection, customer.id, form.source, replaced=replaced)
        return SignedUp(customer_id=customer.id, job_id=queued.job_id if queued else None)

    async def _make_way(self, connection: Connection, form: SignUpForm) -> bool:
        """Remove a sign-up that never proved this address; tell whether there was one.

        Whoever reads the address's mail gets it so, and not who typed it first.
        """
        customers = PostgresCustomers(connection)
        await customers.one_at_a_time(f"address {form.email}")
        before = await customers.by_email(form.email)
        if before is None or not await customers.make_way(before.id):
            return False
        audit, now = PostgresAudit(connection), self._clock.now()
        await audit.note(now, "billing", "sign_up_replaced", before.id, source=form.source)
        return True

    async def _deployed(
        self, connection: Connection, customer_id: str, source: str, *, replaced: bool
    ) -> Queued | None:
        """Queue the tenant, or send a link; EmailTaken, undoing a replacement, when none may go."""
        customer = await PostgresCustomers(connection).get(customer_id)
        try:
            return await self._tenants.queue(connection, customer, "sign-up", customer_id)
        except VerificationPending:
            sent = await self._verification.begin(connection, customer, source)
            if replaced and not sent:
                raise EmailTaken("there is a customer with this e-mail address") from None
            return None

    async def _answered(self, form: SignUpForm, body_hash: bytes) -> SignedUp | None:
        if form.idempotency_key is None:
            return None
        async with self._database.connection() as connection:
            answered = await PostgresAccounts(connection).answered(ROUTE, form.idempotency_key)
        return _replayed(answered, body_hash) if answered is not None else None


def _replayed(answered: Answered, body_hash: bytes) -> SignedUp:
    if not hmac.compare_digest(answered.body_hash, body_hash):
        raise IdempotencyKeyReused(
            "this Idempotency-Key came with another body before",
            errors=[{"pointer": "", "detail": "differs from the first request's body"}],
        )
    return SignedUp(
        customer_id=answered.answer["customer_id"],
        job_id=answered.answer["job_id"],
        replayed=True,
    )
