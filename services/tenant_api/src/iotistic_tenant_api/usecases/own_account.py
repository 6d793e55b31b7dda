"""What people do with their own account; the license never keeps them from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.passwords import check_password
from iotistic_tenant_api.domain.sessions import REFRESH_GOOD_FOR
from iotistic_tenant_api.domain.tries import OWN_PASSWORD
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import USER_CHANGED, announce
from iotistic_tenant_api.storage.sessions import PostgresSessions
from iotistic_tenant_api.storage.users import PostgresUsers

if TYPE_CHECKING:
    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.security.passwords import Passwords
    from iotistic_tenant_api.storage.connection import Connection
    from iotistic_tenant_api.usecases.tries import Tries

__all__ = ["OwnAccount", "PasswordCheck", "own_account"]


class PasswordCheck:
    """Asks a signed-in person for the password once more."""

    def __init__(self, database: Database, passwords: Passwords, tries: Tries) -> None:
        self._database = database
        self._passwords = passwords
        self._tries = tries

    async def __call__(self, user_id: str, password: str, *, pointer: str = "/password") -> User:
        """Return the user; 403 `wrong_password`, 429 after too many tries."""
        await self._tries.count((OWN_PASSWORD, user_id))
        async with self._database.connection() as connection:
            user = await own_account(connection, user_id)
        if not await self._passwords.matches(user.password_hash, password):
            raise Refused(403, "wrong_password", "the password is wrong", pointer=pointer)
        return user


class OwnAccount:
    """One's own name, password and sessions."""

    def __init__(
        self, database: Database, passwords: Passwords, check: PasswordCheck, clock: Clock
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._check = check
        self._clock = clock

    async def get(self, user_id: str) -> User:
        """Return the user."""
        async with self._database.connection() as connection:
            return await own_account(connection, user_id)

    async def rename(self, user_id: str, name: str) -> User:
        """Set the name, and return the user."""
        async with self._database.transaction() as connection:
            await own_account(connection, user_id, lock=True)
            await PostgresUsers(connection).change(user_id, {"name": name})
            await PostgresAudit(connection).record(
                "user_changed", user_id, actor=user_id, at=self._clock.now(), detail={"name": name}
            )
            await announce(connection, USER_CHANGED, [user_id])
            return await own_account(connection, user_id)

    async def change_password(self, user_id: str, session: str, current: str, new: str) -> None:
        """Replace the password, and end every session but `session`."""
        checked = await self._check(user_id, current, pointer="/current")
        check_password(new, checked.email, pointer="/new")
        password_hash = await self._passwords.hash(new)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            user = await own_account(connection, user_id, lock=True)
            if user.password_hash != checked.password_hash:
                raise Refused(409, "conflict", "the password was changed just now")
            await PostgresUsers(connection).set_password(user_id, password_hash)
            ended = await PostgresSessions(connection).end_all(user_id, now, but=session)
            await PostgresAudit(connection).record(
                "password_changed", user_id, actor=user_id, at=now, detail={"sessionsEnded": ended}
            )
            await announce(connection, USER_CHANGED, [user_id])

    async def sessions(self, user_id: str) -> list[dict[str, Any]]:
        """Return the sessions that may still be used."""
        since = self._clock.now() - REFRESH_GOOD_FOR
        async with self._database.connection() as connection:
            return await PostgresSessions(connection).of_user(user_id, since)

    async def end_session(self, user_id: str, session_id: str) -> None:
        """End one of the caller's own sessions; 404 for any other."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await PostgresSessions(connection).end(session_id, user_id, now):
                raise Refused(404, "not_found", "no such session of yours")
            await PostgresAudit(connection).record(
                "session_ended", user_id, actor=user_id, at=now, detail={"session": session_id}
            )
            await announce(connection, USER_CHANGED, [user_id])


async def own_account(connection: Connection, user_id: str, *, lock: bool = False) -> User:
    """Return the caller's account; 401 when it was closed meanwhile."""
    user = await PostgresUsers(connection).get(user_id, lock=lock)
    if user is None or user.disabled:
        raise Refused(401, "unauthorized", "this account is closed")
    return user
