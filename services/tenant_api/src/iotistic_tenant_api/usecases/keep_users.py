"""What admins and owners do with accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.people import (
    Role,
    User,
    check_grant,
    check_last_owner,
    check_reach,
)
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import USER_CHANGED, announce
from iotistic_tenant_api.storage.invitations import PostgresInvitations
from iotistic_tenant_api.storage.sessions import PostgresSessions
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.own_account import own_account

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.licensing import Licensing
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["UserDesk", "unknown_user"]


def unknown_user() -> Refused:
    """Return the refusal for an id that is nobody's."""
    return Refused(404, "not_found", "no such user")


class UserDesk:
    """Change, close, remove and sign out users; each act is audited.

    Roles are read again under a lock that all such acts take: no two of them demote each other's
    last owner, and nobody acts by a role that was just taken away.
    """

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def change(self, user_id: str, changes: Mapping[str, Any], *, by: str) -> User:
        """Set name, role and disabled as far as `changes` has them, and return the user.

        Closing an account is no write that the license gates.
        """
        if changes != {"disabled": True}:
            await self._licensing.require()
        now = self._clock.now()
        async with self._database.transaction() as connection:
            target = await self._reached(connection, user_id, by, role=changes.get("role"))
            role = changes.get("role", target.role)
            disabled = changes.get("disabled", target.disabled)
            stays = role is Role.OWNER and not disabled
            owners = await PostgresUsers(connection).owners()
            check_last_owner(target, owners, stays=stays)
            await PostgresUsers(connection).change(user_id, _columns(target, changes, now))
            if role.rank < target.role.rank or disabled:
                await PostgresInvitations(connection).revoke_by(user_id, now)
            if disabled:
                await PostgresSessions(connection).end_all(user_id, now)
            await _tell(connection, "user_changed", target, by, now, changes)
            return await PostgresUsers(connection).get(user_id) or target

    async def remove(self, user_id: str, *, by: str) -> None:
        """Remove an account: its sessions and open invitations end at once."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            target = await self._reached(connection, user_id, by)
            users = PostgresUsers(connection)
            check_last_owner(target, await users.owners(), stays=False)
            await users.remove(user_id, now)
            await PostgresInvitations(connection).revoke_by(user_id, now)
            await PostgresSessions(connection).end_all(user_id, now)
            await _tell(connection, "user_removed", target, by, now, {"email": target.email})

    async def sign_out(self, user_id: str, *, by: str) -> None:
        """End every session of a user."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            target = await self._reached(connection, user_id, by)
            ended = await PostgresSessions(connection).end_all(user_id, now)
            await _tell(connection, "user_signed_out", target, by, now, {"sessionsEnded": ended})

    async def _reached(
        self, connection: Connection, user_id: str, by: str, *, role: Role | None = None
    ) -> User:
        """Return the user, all accounts locked, when `by` may act on it and give it `role`."""
        users = PostgresUsers(connection)
        await users.lock_all()
        actor = await own_account(connection, by)
        target = await users.get(user_id, lock=True)
        if target is None:
            raise unknown_user()
        check_reach(actor.role, target.role)
        if role is not None:
            check_grant(actor.role, role)
        return target


def _columns(target: User, changes: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: str(changes[name]) for name in ("name", "role") if name in changes
    }
    if "disabled" in changes and changes["disabled"] is not target.disabled:
        columns["disabled_at"] = now if changes["disabled"] else None
    return columns


async def _tell(  # noqa: PLR0913, PLR0917 - the words of one audit row
    connection: Connection,
    action: str,
    target: User,
    by: str,
    now: datetime,
    detail: Mapping[str, Any],
) -> None:
    await PostgresAudit(connection).record(action, target.id, actor=by, at=now, detail=detail)
    await announce(connection, USER_CHANGED, [target.id])
