"""Begin, renew and end people's sessions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.domain.sessions import (
    ACCESS_GOOD_FOR,
    REFRESH_GOOD_FOR,
    Client,
    Meaning,
    SignedIn,
    meaning,
)
from iotistic_tenant_api.security.session_tokens import REFRESH, SessionToken, fresh, successors
from iotistic_tenant_api.storage.configuration import PostgresAudit
from iotistic_tenant_api.storage.connection import USER_CHANGED, announce
from iotistic_tenant_api.storage.sessions import PostgresSessions, ShownRefresh
from iotistic_tenant_api.storage.users import PostgresUsers

if TYPE_CHECKING:
    from datetime import datetime

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_pki.data_key import DataKey
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.storage.connection import Connection

__all__ = ["Sessions", "begin_session", "session_over"]


def session_over() -> Refused:
    """Return the one answer to a refresh token that is good for nothing."""
    return Refused(401, "unauthorized", "the session has ended: sign in")


async def begin_session(
    connection: Connection, user: User, client: Client, now: datetime
) -> SignedIn:
    """Store a new session of `user` and return its tokens."""
    session_id = str(uuid.uuid4())
    sessions = PostgresSessions(connection)
    await sessions.add(
        session_id, user.id, address=client.address, user_agent=client.user_agent, at=now
    )
    await PostgresUsers(connection).signed_in(user.id, now)
    access, refresh = fresh(session_id)
    return await _give(connection, user, access, refresh, now)


class Sessions:
    """Renews sessions by their refresh token, and ends them."""

    def __init__(self, database: Database, key: DataKey, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._clock = clock

    async def refresh(self, text: str, client: Client) -> SignedIn:
        """Return new tokens for a refresh token; 401 ends it, a used one ends the session."""
        token = SessionToken.parse(text, REFRESH)
        if token is None:
            raise session_over()
        now = self._clock.now()
        async with self._database.transaction() as connection:
            renewed = await self._renewed(connection, token, client, now)
        if renewed is None:
            raise session_over()
        return renewed

    async def _renewed(
        self, connection: Connection, token: SessionToken, client: Client, now: datetime
    ) -> SignedIn | None:
        sessions = PostgresSessions(connection)
        shown = await sessions.shown(token.session_id, token.digest)
        if shown is None:
            return None
        access, refresh = successors(self._key, token)
        what = meaning(
            alive=shown.alive,
            expires_at=shown.expires_at,
            used_at=shown.used_at,
            successor_unused=await sessions.is_unused(refresh.digest),
            now=now,
        )
        user = await PostgresUsers(connection).get(shown.user_id)
        if user is None or what is Meaning.OVER:
            return None
        match what:
            case Meaning.NEXT:
                await sessions.use(token.digest, now)
                await announce(connection, USER_CHANGED, [user.id])
                return await _give(connection, user, access, refresh, now)
            case Meaning.REPEAT:
                return _signed_in(user, access, refresh, shown.access_until, now)
        await _end_stolen(connection, shown, client, now)
        return None

    async def end(self, text: str) -> None:
        """End the session of a refresh token; nothing happens for any other text."""
        token = SessionToken.parse(text, REFRESH)
        if token is None:
            return
        now = self._clock.now()
        async with self._database.transaction() as connection:
            shown = await PostgresSessions(connection).shown(token.session_id, token.digest)
            if shown is None or not shown.alive:
                return
            await _end(connection, shown, now)
            await PostgresAudit(connection).record(
                "signed_out", shown.user_id, actor=shown.user_id, at=now
            )


async def _give(
    connection: Connection, user: User, access: SessionToken, refresh: SessionToken, now: datetime
) -> SignedIn:
    until = now + ACCESS_GOOD_FOR
    await PostgresSessions(connection).renew(
        access.session_id,
        access_hash=access.digest,
        access_until=until,
        refresh_hash=refresh.digest,
        refresh_until=now + REFRESH_GOOD_FOR,
        at=now,
    )
    return _signed_in(user, access, refresh, until, now)


def _signed_in(
    user: User, access: SessionToken, refresh: SessionToken, until: datetime, now: datetime
) -> SignedIn:
    seconds = max(0, int((until - now).total_seconds()))
    return SignedIn(
        user=user, access_token=str(access), refresh_token=str(refresh), expires_in=seconds
    )


async def _end_stolen(
    connection: Connection, shown: ShownRefresh, client: Client, now: datetime
) -> None:
    await _end(connection, shown, now)
    await PostgresAudit(connection).record(
        "refresh_token_reused", shown.user_id, actor=shown.user_id, at=now,
        detail={"session": shown.session_id, "address": client.address},
    )  # fmt: skip


async def _end(connection: Connection, shown: ShownRefresh, now: datetime) -> None:
    await PostgresSessions(connection).end(shown.session_id, shown.user_id, now)
    await announce(connection, USER_CHANGED, [shown.user_id])
