"""Invite people, and let in those who accept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.invitations import GOOD_FOR, Invitation, gone
from iotistic_tenant_api.domain.passwords import check_password
from iotistic_tenant_api.domain.people import Role, User, check_grant, check_reach
from iotistic_tenant_api.domain.tries import INVITATION_BY_ADDRESS, network_of
from iotistic_tenant_api.security.session_tokens import digest_of, new_secret
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.invitations import PostgresInvitations
from iotistic_tenant_api.storage.login_attempts import PostgresLoginAttempts
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.own_account import own_account
from iotistic_tenant_api.usecases.sessions import begin_session

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.domain.sessions import Client, SignedIn
    from iotistic_tenant_api.live.licensing import Gate, Licensing
    from iotistic_tenant_api.security.passwords import Passwords
    from iotistic_tenant_api.storage.connection import Connection
    from iotistic_tenant_api.usecases.tries import Tries

__all__ = ["AcceptInvitation", "Acceptance", "InvitationDesk", "Invited", "invite"]

PREFIX = "inv1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A new invitation; `token` is shown this once."""

    invitation: Invitation
    token: str = field(repr=False)


async def invite(
    connection: Connection, email: str, role: Role, *, by: str, now: datetime
) -> Invited:
    """Store an invitation in the place of an open one for the same address; 409 for a user's."""
    if await PostgresUsers(connection).by_email(email) is not None:
        raise Refused(409, "conflict", "somebody of this address has an account", pointer="/email")
    invitations = PostgresInvitations(connection)
    await invitations.revoke_of_email(email, now)
    token = PREFIX + new_secret()
    invitation = Invitation(
        id=str(uuid.uuid4()),
        email=email,
        role=role,
        created_by=by,
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    await invitations.add(invitation, digest_of(token))
    await PostgresAudit(connection).record(
        "user_invited", invitation.id, actor=by, at=now, detail={"email": email, "role": str(role)}
    )
    return Invited(invitation=invitation, token=token)


class InvitationDesk:
    """Make and revoke invitations."""

    def __init__(self, database: Database, licensing: Licensing, clock: Clock) -> None:
        self._database = database
        self._licensing = licensing
        self._clock = clock

    async def by_person(self, email: str, role: Role, *, by: str) -> Invited:
        """Invite somebody to a role that isn't above the inviter's own, within maxUsers."""
        now, gate = self._clock.now(), await self._licensing.gate()
        async with self._database.transaction() as connection:
            await PostgresUsers(connection).lock_all()
            actor = await own_account(connection, by)
            check_grant(actor.role, role)
            for replaced in await PostgresInvitations(connection).of_email(email, now):
                check_reach(actor.role, replaced.role)
            invited = await invite(connection, email, role, by=by, now=now)
            gate.require("maxUsers", used=await seats(connection, now) - 1)
        return invited

    async def first_owner(self, email: str, role: Role, *, by: str) -> Invited:
        """Invite the tenant's owner for billing; 403 once there is one."""
        if role is not Role.OWNER:
            raise Refused(403, "forbidden", "this token invites an owner only", pointer="/role")
        now = self._clock.now()
        async with self._database.transaction() as connection:
            users = PostgresUsers(connection)
            await users.lock_all()
            if await users.owners() > 0:
                raise Refused(409, "owner_exists", "there is an owner already")
            await PostgresInvitations(connection).revoke_by(by, now)
            return await invite(connection, email, role, by=by, now=now)

    async def revoke(self, invitation_id: str, *, by: str) -> None:
        """Void an open invitation to a role that isn't above the caller's own."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            actor = await own_account(connection, by)
            invitations = PostgresInvitations(connection)
            found = await invitations.get(invitation_id, now)
            if found is None:
                raise Refused(404, "not_found", "no such open invitation")
            check_reach(actor.role, found.role)
            await invitations.revoke(invitation_id, now)
            await PostgresAudit(connection).record(
                "invitation_revoked", invitation_id, actor=by, at=now
            )


async def seats(connection: Connection, now: datetime) -> int:
    """Return what counts for maxUsers: people, and those who may still accept."""
    invited = await PostgresInvitations(connection).count(now)
    return await PostgresUsers(connection).count() + invited


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What somebody chose who accepts an invitation."""

    token: str = field(repr=False)
    name: str
    password: str = field(repr=False)


class AcceptInvitation:
    """Turns an open invitation into an account, once."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        licensing: Licensing,
        tries: Tries,
        clock: Clock,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._licensing = licensing
        self._tries = tries
        self._clock = clock

    async def look(self, token: str, client: Client) -> Invitation:
        """Return the open invitation of a token; 404 `invitation_gone` for any other text."""
        counted = await self._count(client)
        async with self._database.transaction() as connection:
            invitation = await self._open(connection, token)
            await PostgresLoginAttempts(connection).give_back(counted)
        return invitation

    async def _count(self, client: Client) -> list[int]:
        return await self._tries.count((INVITATION_BY_ADDRESS, network_of(client.address)))

    async def __call__(self, given: Acceptance, client: Client) -> SignedIn:
        """Make the account and sign it in; only what fails stays counted."""
        counted = await self._count(client)
        async with self._database.connection() as connection:
            invitation = await self._open(connection, given.token)
        check_password(given.password, invitation.email)
        password_hash = await self._passwords.hash(given.password)
        gate = await self._licensing.gate()
        async with self._database.transaction() as connection:
            users = PostgresUsers(connection)
            await users.lock_all()
            invitation = await self._open(connection, given.token, lock=True)
            await self._check_seat(connection, invitation, gate)
            user = self._user(invitation, given.name, password_hash)
            await users.add(user)
            await PostgresInvitations(connection).use(invitation.id, user.created_at)
            await PostgresLoginAttempts(connection).give_back(counted)
            await PostgresAudit(connection).record(
                "invitation_accepted", invitation.id, actor=user.id, at=user.created_at,
                detail={"email": user.email, "role": str(user.role)},
            )  # fmt: skip
            return await begin_session(connection, user, client, user.created_at)

    async def _open(self, connection: Connection, token: str, *, lock: bool = False) -> Invitation:
        found = await PostgresInvitations(connection).by_token(
            digest_of(token), self._clock.now(), lock=lock
        )
        if found is None:
            raise gone()
        return found

    async def _check_seat(self, connection: Connection, invitation: Invitation, gate: Gate) -> None:
        """Refuse beyond maxUsers; a first owner comes in, to see that a license has ended."""
        users = PostgresUsers(connection)
        if await users.by_email(invitation.email) is not None:
            raise gone()
        if invitation.role is Role.OWNER and await users.owners() == 0:
            return
        used = await seats(connection, self._clock.now()) - 1
        gate.require("maxUsers", used=used)

    def _user(self, invitation: Invitation, name: str, password_hash: str) -> User:
        return User(
            id=str(uuid.uuid4()),
            email=invitation.email,
            name=name,
            role=invitation.role,
            password_hash=password_hash,
            created_at=self._clock.now(),
        )
