"""Codes beside the password: check and use up one, turn them on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.tries import SECOND_FACTOR
from iotistic_tenant_api.security.second_factor import recovery_hash
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.login_attempts import PostgresLoginAttempts
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.own_account import own_account

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.security.second_factor import SecondFactor
    from iotistic_tenant_api.storage.connection import Connection
    from iotistic_tenant_api.usecases.own_account import PasswordCheck
    from iotistic_tenant_api.usecases.tries import Tries

__all__ = ["OwnSecondFactor", "take_code"]


async def take_code(
    connection: Connection, factor: SecondFactor, user: User, code: str, now: datetime
) -> bool:
    """Tell whether `code` is of now, by time or for recovery; it is then good no more."""
    users = PostgresUsers(connection)
    if user.totp_secret is not None:
        step = factor.step(user.id, user.totp_secret, code, now)
        if step is not None:
            return await users.take_step(user.id, step)
    if not await users.take_recovery(user.id, recovery_hash(code)):
        return False
    await PostgresAudit(connection).record("recovery_code_used", user.id, actor=user.id, at=now)
    return True


class OwnSecondFactor:
    """Turn one's second factor on and off."""

    def __init__(
        self,
        *,
        database: Database,
        factor: SecondFactor,
        check: PasswordCheck,
        tries: Tries,
        clock: Clock,
    ) -> None:
        self._database = database
        self._factor = factor
        self._check = check
        self._tries = tries
        self._clock = clock

    async def offer(self, user_id: str, password: str) -> tuple[str, str]:
        """Return a new secret and its URI; nothing changes until a code of it is shown."""
        user = await self._check(user_id, password)
        secret = self._factor.new_secret()
        async with self._database.transaction() as connection:
            if (await own_account(connection, user_id, lock=True)).two_factor:
                raise _is_on()
            await PostgresUsers(connection).offer_totp(
                user_id, self._factor.sealed(user_id, secret), self._clock.now()
            )
        return self._factor.shown(user.email, secret)

    async def confirm(self, user_id: str, code: str) -> list[str]:
        """Have every sign-in take a code from now on; return the recovery codes."""
        await self._tries.count((SECOND_FACTOR, user_id))
        codes, now = self._factor.new_recovery_codes(), self._clock.now()
        async with self._database.transaction() as connection:
            user = await own_account(connection, user_id, lock=True)
            if user.two_factor:
                raise _is_on()
            if not user.has_offer(now):
                raise Refused(409, "conflict", "ask for a secret first")
            if not await take_code(connection, self._factor, user, code, now):
                raise _wrong_code()
            hashes = [recovery_hash(one) for one in codes]
            await PostgresUsers(connection).confirm_totp(user_id, now, hashes)
            await PostgresLoginAttempts(connection).clear(SECOND_FACTOR, user_id)
            await PostgresAudit(connection).record(
                "second_factor_on", user_id, actor=user_id, at=now
            )
        return codes

    async def remove(self, user_id: str, password: str, code: str) -> None:
        """Have the password suffice, after both factors were shown once more."""
        await self._check(user_id, password)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            user = await own_account(connection, user_id, lock=True)
            if not user.two_factor:
                raise Refused(409, "conflict", "the second factor is off")
            if not await take_code(connection, self._factor, user, code, now):
                raise _wrong_code()
            await PostgresUsers(connection).remove_totp(user_id)
            await PostgresAudit(connection).record(
                "second_factor_off", user_id, actor=user_id, at=now
            )


def _is_on() -> Refused:
    return Refused(409, "conflict", "the second factor is on")


def _wrong_code() -> Refused:
    return Refused(403, "wrong_code", "the code is wrong or was used before", pointer="/code")
