"""People by the access token of their session."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from iotistic_kit.auth import Principal, bearer
from iotistic_kit.errors import Problem
from iotistic_tenant_api.domain.people import SCOPES, Role
from iotistic_tenant_api.security.session_tokens import ACCESS, SessionToken
from iotistic_tenant_api.storage.sessions import LiveSession, PostgresSessions

if TYPE_CHECKING:
    from falcon.asgi import Request

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.live.held import Held

__all__ = ["LiveSessions", "PersonAuthenticator"]


class LiveSessions:
    """Sessions from memory or the database; one that ended anywhere is dead here within 1 s."""

    def __init__(self, database: Database, held: Held[LiveSession], clock: Clock) -> None:
        self._database = database
        self._held = held
        self._clock = clock

    async def check(self, text: str) -> LiveSession:
        """Return the session whose access token `text` is; Problem 401 for any other text."""
        token = SessionToken.parse(text, ACCESS)
        if token is None:
            raise _unauthorized()
        session = await self.get(token.session_id)
        if session is not None and not _is_shown(session, token):
            session = await self._read(token.session_id)  # renewed by another worker just now
        if session is None or not _is_shown(session, token):
            raise _unauthorized()
        if session.access_until <= self._clock.now():
            raise _unauthorized("the access token has expired")
        return session

    async def get(self, session_id: str) -> LiveSession | None:
        """Return the session, None when it has ended; for streams that live as long as it."""
        return await self._held.get(
            session_id, lambda: self._read(session_id), lambda found: found.user_id
        )

    async def _read(self, session_id: str) -> LiveSession | None:
        async with self._database.connection() as connection:
            return await PostgresSessions(connection).live(session_id)


class PersonAuthenticator:
    """Bearer tokens that begin with `at1.`."""

    def __init__(self, sessions: LiveSessions) -> None:
        self._sessions = sessions

    async def authenticate(self, req: Request) -> Principal | None:
        """Return the person with facts role, session, email and name; Problem 401 for a bad one."""
        text = bearer(req)
        if text is None or not text.startswith(f"{ACCESS}."):
            return None
        session = await self._sessions.check(text)
        facts = (
            ("role", session.role),
            ("session", session.id),
            ("email", session.email),
            ("name", session.name),
        )
        scopes = SCOPES[Role(session.role)]
        return Principal(kind="person", id=session.user_id, scopes=scopes, facts=facts)


def _is_shown(session: LiveSession, token: SessionToken) -> bool:
    return hmac.compare_digest(bytes(session.access_hash), token.digest)


def _unauthorized(detail: str = "the access token is not valid") -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
