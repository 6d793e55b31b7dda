"""Sign in by e-mail, password and, where it is on, a second factor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.tries import (
    SECOND_FACTOR,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_EMAIL,
    SIGN_IN_BY_EMAIL_HERE,
    network_of,
)
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.login_attempts import PostgresLoginAttempts
from iotistic_tenant_api.storage.sessions import PostgresSessions
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.second_factor import take_code
from iotistic_tenant_api.usecases.sessions import begin_session

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.domain.sessions import Client, SignedIn
    from iotistic_tenant_api.security.passwords import Passwords
    from iotistic_tenant_api.security.second_factor import SecondFactor
    from iotistic_tenant_api.storage.connection import Connection
    from iotistic_tenant_api.usecases.tries import Tries

__all__ = ["Credentials", "SignIn"]

_CODE_MISSING = "second_factor_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody typed; the address is in lower case."""

    email: str
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)


class SignIn:
    """The door: tries are counted first, and an unknown address costs what a known one does."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        factor: SecondFactor,
        tries: Tries,
        clock: Clock,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._factor = factor
        self._tries = tries
        self._clock = clock

    async def __call__(self, given: Credentials, client: Client) -> SignedIn:
        """Return the tokens of a new session; 401 says which of the two steps is open."""
        counted = await self._count(given.email, network_of(client.address))
        async with self._database.connection() as connection:
            user = await PostgresUsers(connection).by_email(given.email)
        stored = None if user is None else user.password_hash
        right = await self._passwords.matches(stored, given.password)
        async with self._database.transaction() as connection:
            outcome = await self._decided(connection, user if right else None, given, client)
            if not isinstance(outcome, Refused) or outcome.code == _CODE_MISSING:
                await PostgresLoginAttempts(connection).give_back(counted)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _count(self, email: str, network: str) -> list[int]:
        """Count the try; by the e-mail address alone only where its account is a stranger."""
        async with self._database.connection() as connection:
            addresses = await PostgresSessions(connection).addresses(email)
        tries = [(SIGN_IN_BY_ADDRESS, network), (SIGN_IN_BY_EMAIL_HERE, f"{email} {network}")]
        if network not in {network_of(address) for address in addresses}:
            tries.append((SIGN_IN_BY_EMAIL, email))
        return await self._tries.count(*tries)

    async def _decided(
        self, connection: Connection, matched: User | None, given: Credentials, client: Client
    ) -> SignedIn | Refused:
        now, audit = self._clock.now(), PostgresAudit(connection)
        user = await self._still(connection, matched)
        if user is None:
            await audit.record(
                "sign_in_refused", given.email, actor="anonymous", at=now,
                detail={"address": client.address},
            )  # fmt: skip
            return Refused(401, "bad_credentials", "the e-mail address or the password is wrong")
        missing = await self._second_factor(connection, user, given.code, now)
        if missing is not None:
            if missing.code == "bad_second_factor":
                await audit.record(
                    "second_factor_refused", user.id, actor=user.id, at=now,
                    detail={"address": client.address},
                )  # fmt: skip
            return missing
        here = f"{given.email} {network_of(client.address)}"
        await PostgresLoginAttempts(connection).clear(SIGN_IN_BY_EMAIL_HERE, here)
        await audit.record(
            "signed_in", user.id, actor=user.id, at=now, detail={"address": client.address}
        )
        return await begin_session(connection, user, client, now)

    async def _still(self, connection: Connection, matched: User | None) -> User | None:
        """Return the user, locked, when the password that matched is still its own."""
        user_id = "00000000-0000-0000-0000-000000000000" if matched is None else matched.id
        user = await PostgresUsers(connection).get(user_id, lock=True)
        if matched is None or user is None or user.disabled:
            return None
        return user if user.password_hash == matched.password_hash else None

    async def _second_factor(
        self, connection: Connection, user: User, code: str | None, now: datetime
    ) -> Refused | None:
        if not user.two_factor:
            return None
        if code is None:
            return Refused(401, _CODE_MISSING, "a code of the second factor is missing")
        attempts = PostgresLoginAttempts(connection)
        await attempts.count(SECOND_FACTOR, user.id, now)
        if await take_code(connection, self._factor, user, code, now):
            await attempts.clear(SECOND_FACTOR, user.id)
            return None
        return Refused(401, "bad_second_factor", "the code is wrong or was used before")
