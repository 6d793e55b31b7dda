"""Whom pages let in: a person with a session here."""

from falcon.asgi import Request

from iotistic_dashboard.api import Browser, TenantApi
from iotistic_dashboard.domain.permits import denial
from iotistic_dashboard.sessions.desk import Caller, SessionDesk
from iotistic_dashboard.sessions.store import identity
from iotistic_dashboard.web.cookies import SessionCookie
from iotistic_kit.auth import Principal, needs
from iotistic_kit.errors import Problem

__all__ = ["PERSON", "Browsers", "SessionAuthenticator", "caller_of", "check_permitted"]

PERSON = needs("person")


class Browsers:
    """Tells whom a request comes from."""

    def __init__(self, trusted_proxy: str) -> None:
        self._trusted_proxy = trusted_proxy

    def of(self, req: Request) -> Browser:
        """Return the peer, or whom the trusted proxy says it speaks for."""
        address: str = req.remote_addr
        forwarded = req.get_header("X-Forwarded-For")
        if self._trusted_proxy and address == self._trusted_proxy and forwarded:
            address = _header(forwarded.rpartition(",")[2].strip(), 64)
        return Browser(address=address, agent=_header(req.user_agent or "", 300))


class SessionAuthenticator:
    """Knows a person by the cookie of a session that is kept here."""

    def __init__(
        self, cookie: SessionCookie, api: TenantApi, desk: SessionDesk, browsers: Browsers
    ) -> None:
        self._cookie, self._api, self._desk, self._browsers = cookie, api, desk, browsers

    async def authenticate(self, req: Request) -> Principal | None:
        """Return the person, None without a session."""
        cookie = self._cookie.read(req)
        session = None if cookie is None else self._desk.store.find(identity(cookie))
        if session is None:
            return None
        req.context.cookie = cookie
        req.context.caller = Caller(self._api, self._desk, session, self._browsers.of(req))
        scopes = frozenset(map(str, session.person.get("scopes", ())))
        return Principal(kind="person", id=str(session.person.get("id", "")), scopes=scopes)


def _header(text: str, most: int) -> str:
    """Return what of ``text`` can be sent as a header: printable ASCII, no blank at its ends."""
    return "".join(one for one in text if " " <= one <= "~").lstrip()[:most].rstrip()


def caller_of(req: Request) -> Caller:
    """Return who calls the API for the person whom the guard let in."""
    caller: Caller | None = getattr(req.context, "caller", None)
    if caller is None:
        raise Problem(401, "unauthorized", "Sign in first.")
    return caller


async def check_permitted(caller: Caller, scope: str, *, closing: bool = False) -> None:
    """Refuse, in words, to ask about what the API would refuse; see ``denial``."""
    refused = denial(await caller.person(), scope, closing=closing)
    if refused is not None:
        code = "payment_required" if refused.status == 402 else "forbidden"
        raise Problem(refused.status, code, refused.words)
