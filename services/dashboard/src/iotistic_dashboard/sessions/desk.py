"""Sign-in, renewal and end of sessions, and calls in a session's name."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from iotistic_dashboard.api import ApiAway, ApiError, ApiRefused, Browser, TenantApi
from iotistic_dashboard.sessions.store import Session, SqliteSessions, Tokens, identity
from iotistic_kit.clock import Clock

__all__ = ["Caller", "SessionDesk", "SessionEnded"]

EARLY = 30.0
CALL = 4.0  # of a renewal: it ends before its claim does
CLAIM = 6.0
LOOK = 0.05
PERSON_AGE = 60.0


class SessionEnded(Exception):  # noqa: N818 -- what happened
    """The API doesn't know the session any more: whoever it was signs in again."""


class SessionDesk:
    """What turns a cookie's session into access tokens, one renewal at a time."""

    def __init__(self, api: TenantApi, store: SqliteSessions, clock: Clock) -> None:
        self._api = api
        self.store = store
        self._clock = clock

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self._clock.now().timestamp()

    async def begin(self, cookie: bytes, answer: Mapping[str, Any], browser: Browser) -> None:
        """Keep the session that the API's ``answer`` to a sign-in began."""
        tokens = self._tokens(answer)

        async def get(path: str) -> Any:
            return await self._api.call("GET", path, token=tokens.access, browser=browser)

        self.store.add(identity(cookie), tokens, await _known(get))

    async def end(self, session: Session, browser: Browser) -> None:
        """End a session here and at the API; here also when the API is away."""
        self.store.remove(session.id)
        body = {"refreshToken": session.tokens.refresh}
        try:
            await self._api.call(
                "POST", "/api/v1/auth/logout", token=None, browser=browser, body=body
            )
        except ApiError:
            return

    async def access(self, session: bytes, browser: Browser, *, spent: str = "") -> str:
        """Return an access token that isn't ``spent`` and lasts; SessionEnded without one.

        However many ask at once, in however many processes, one renews and the others wait.
        """
        while True:
            kept = self.store.find(session)
            if kept is None:
                raise SessionEnded
            tokens = kept.tokens
            if tokens.access != spent and tokens.until - self.now() > EARLY:
                return tokens.access
            if self.store.claim_renewal(session, CLAIM):
                await asyncio.shield(self._renew(session, spent, browser))
            else:
                await asyncio.sleep(LOOK)

    async def _renew(self, session: bytes, spent: str, browser: Browser) -> None:
        """Renew unless another did between the caller's look and its claim."""
        made: Tokens | None = None
        try:
            kept = self.store.find(session)
            if kept is None:
                return
            fresh = kept.tokens.until - self.now() > EARLY
            if fresh and kept.tokens.access != spent:
                return
            body = {"refreshToken": kept.tokens.refresh}
            async with asyncio.timeout(CALL):
                answer = await self._api.call(
                    "POST", "/api/v1/auth/refresh", token=None, browser=browser, body=body
                )
            made = self._tokens(answer)
        except TimeoutError as exc:
            raise ApiAway("it doesn't renew in time") from exc
        except ApiRefused as refused:
            if refused.status == 401:
                self.store.remove(session)
                raise SessionEnded from refused
            raise
        finally:
            self.store.renewed(session, made)

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        until = self.now() + float(answer["expiresIn"])
        return Tokens(access=answer["accessToken"], refresh=answer["refreshToken"], until=until)


class Caller:
    """Calls of the API in the name of one session."""

    def __init__(
        self, api: TenantApi, desk: SessionDesk, session: Session, browser: Browser
    ) -> None:
        self._api, self._desk = api, desk
        self.session, self.browser = session, browser

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at ``path``."""
        return await self.send("GET", path, query=query)

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return the answer's JSON; a token that the API refuses is renewed once."""
        token = await self._desk.access(self.session.id, self.browser)
        try:
            return await self._call(method, path, token, body, more)
        except ApiRefused as refused:
            if refused.status != 401 or refused.code != "unauthorized":
                raise
        token = await self._desk.access(self.session.id, self.browser, spent=token)
        try:
            return await self._call(method, path, token, body, more)
        except ApiRefused as refused:
            if refused.status != 401 or refused.code != "unauthorized":
                raise
            self._desk.store.remove(self.session.id)
            raise SessionEnded from refused

    async def _call(self, method: str, path: str, token: str, body: Any, more: Any) -> Any:
        return await self._api.call(
            method, path, token=token, browser=self.browser, body=body, **more
        )

    async def person(self, *, at_once: bool = False) -> dict[str, Any]:
        """Return the user as the API knows it, at most a minute old unless ``at_once``."""
        if not at_once and self._desk.now() - self.session.person_at < PERSON_AGE:
            return self.session.person
        person = await _known(self.get)
        self._desk.store.know(self.session.id, person)
        self.session = replace(self.session, person=person, person_at=self._desk.now())
        return person

    def told(self) -> list[dict[str, Any]]:
        """Return what the session is to be shown, once."""
        return self._desk.store.told(self.session.id)

    def tell(self, tone: str, text: str, **more: Any) -> None:
        """Have the next page say ``text``."""
        self._desk.store.tell(self.session.id, {"tone": tone, "text": text, **more})


async def _known(get: Callable[[str], Awaitable[Any]]) -> dict[str, Any]:
    """Return the user, with the tenant's name as ``customer`` and its license's state."""
    person: dict[str, Any] = await get("/api/v1/auth/me")
    try:
        found = await get("/api/license")
    except ApiRefused:
        return person
    terms = found.get("license") or {}
    return person | {"customer": terms.get("customerName"), "licenseState": found.get("state")}
