"""Sign in, refresh, sign out: /api/v1/auth, for whoever has no access token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import read_body
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.sessions import Client, SignedIn
from iotistic_tenant_api.schemas_people import LoginBody, RefreshBody, SignedInView, UserView
from iotistic_tenant_api.usecases.sign_in import Credentials

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.resources.forwarding import Forwarding
    from iotistic_tenant_api.usecases.sessions import Sessions
    from iotistic_tenant_api.usecases.sign_in import SignIn

__all__ = ["MAX_BODY", "Clients", "Logins", "Logouts", "Refreshes", "answer_tokens", "user_view"]

MAX_BODY = 16 * 1024


class Clients:
    """Tells where a request comes from."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    def of(self, req: Request) -> Client:
        """Return address and user agent, both short and printable."""
        agent = "".join(letter for letter in req.user_agent or "" if letter.isprintable())
        return Client(address=self._forwarding.address_of(req), user_agent=agent[:200])


class Logins:
    """New sessions by password."""

    def __init__(self, sign_in: SignIn, clients: Clients) -> None:
        self._sign_in = sign_in
        self._clients = clients

    @operation(
        "Sign in",
        access=PUBLIC,
        request=LoginBody,
        response=SignedInView,
        problems=(401, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the tokens of a new session; 401 `second_factor_required` asks for a code."""
        body = await read_body(req, LoginBody)
        given = Credentials(
            email=body.email,
            password=body.password.get_secret_value(),
            code=None if body.code is None else body.code.get_secret_value(),
        )
        answer_tokens(resp, await self._sign_in(given, self._clients.of(req)))


class Refreshes:
    """New tokens for a session that goes on."""

    def __init__(self, sessions: Sessions, clients: Clients) -> None:
        self._sessions = sessions
        self._clients = clients

    @operation(
        "Renew a session's tokens",
        access=PUBLIC,
        request=RefreshBody,
        response=SignedInView,
        problems=(401,),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer new tokens, the same ones to a repetition within 10 seconds."""
        body = await read_body(req, RefreshBody)
        token = body.refresh_token.get_secret_value()
        answer_tokens(resp, await self._sessions.refresh(token, self._clients.of(req)))


class Logouts:
    """Ends of sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @operation("Sign out", access=PUBLIC, request=RefreshBody, status=204, max_body=MAX_BODY)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer 204, also when the session had ended."""
        body = await read_body(req, RefreshBody)
        await self._sessions.end(body.refresh_token.get_secret_value())
        resp.status = 204


def answer_tokens(resp: Response, signed_in: SignedIn) -> None:
    """Answer tokens, which no cache may keep."""
    resp.media = SignedInView(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in,
        refresh_token=signed_in.refresh_token,
        user=user_view(signed_in.user),
    ).wire()
    resp.set_header("Cache-Control", "no-store")


def user_view(user: User) -> UserView:
    """Return what others may see of a user."""
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        two_factor=user.two_factor,
        disabled=user.disabled,
        created_at=user.created_at,
        last_login_at=user.last_login_at,
    )
