"""The caller's own account: /api/v1/auth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.ids import check_uuid
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.people import SCOPES
from iotistic_tenant_api.resources.access import PERSON
from iotistic_tenant_api.resources.sign_in import MAX_BODY, user_view
from iotistic_tenant_api.schemas_people import (
    CodeBody,
    MeView,
    OwnChanges,
    PasswordBody,
    PasswordChange,
    RecoveryCodes,
    SessionList,
    SessionView,
    TotpOffer,
    TotpRemoval,
)

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.auth import Principal
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.usecases.own_account import OwnAccount
    from iotistic_tenant_api.usecases.second_factor import OwnSecondFactor

__all__ = ["Me", "OwnPassword", "OwnSessions", "OwnTotp"]


class Me:
    """Who calls."""

    def __init__(self, account: OwnAccount) -> None:
        self._account = account

    @operation("Show who calls", access=PERSON, response=MeView)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the user, the session, and what the role reaches."""
        who = principal_of(req)
        resp.media = _me(await self._account.get(who.id), who).wire()

    @operation(
        "Change one's own name",
        access=PERSON,
        request=OwnChanges,
        response=MeView,
        max_body=MAX_BODY,
    )
    async def on_patch(self, req: Request, resp: Response) -> None:
        """Answer the changed user."""
        body, who = await read_body(req, OwnChanges), principal_of(req)
        resp.media = _me(await self._account.rename(who.id, body.name), who).wire()


class OwnPassword:
    """The caller's password."""

    def __init__(self, account: OwnAccount) -> None:
        self._account = account

    @operation(
        "Change one's own password",
        access=PERSON,
        request=PasswordChange,
        status=204,
        problems=(403, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer 204; every other session has ended."""
        body, who = await read_body(req, PasswordChange), principal_of(req)
        await self._account.change_password(
            who.id,
            who.fact("session") or "",
            body.current.get_secret_value(),
            body.new.get_secret_value(),
        )
        resp.status = 204


class OwnTotp:
    """The caller's second factor."""

    def __init__(self, factor: OwnSecondFactor) -> None:
        self._factor = factor

    @operation(
        "Begin a second factor",
        access=PERSON,
        request=PasswordBody,
        response=TotpOffer,
        problems=(403, 409, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer a new secret; it counts once a code of it was shown within ten minutes."""
        body = await read_body(req, PasswordBody)
        secret, uri = await self._factor.offer(
            principal_of(req).id, body.password.get_secret_value()
        )
        resp.media = TotpOffer(secret=secret, otpauth_uri=uri).wire()
        resp.set_header("Cache-Control", "no-store")

    @operation(
        "Turn the second factor on",
        access=PERSON,
        request=CodeBody,
        response=RecoveryCodes,
        problems=(403, 409, 429),
        max_body=MAX_BODY,
    )
    async def on_post_confirm(self, req: Request, resp: Response) -> None:
        """Answer the recovery codes, shown this once."""
        body = await read_body(req, CodeBody)
        codes = await self._factor.confirm(principal_of(req).id, body.code.get_secret_value())
        resp.media = RecoveryCodes(recovery_codes=codes).wire()
        resp.set_header("Cache-Control", "no-store")

    @operation(
        "Turn the second factor off",
        access=PERSON,
        request=TotpRemoval,
        status=204,
        problems=(403, 409, 429),
        max_body=MAX_BODY,
    )
    async def on_post_remove(self, req: Request, resp: Response) -> None:
        """Answer 204: the password suffices from now on."""
        body = await read_body(req, TotpRemoval)
        await self._factor.remove(
            principal_of(req).id, body.password.get_secret_value(), body.code.get_secret_value()
        )
        resp.status = 204


class OwnSessions:
    """The caller's sessions."""

    def __init__(self, account: OwnAccount) -> None:
        self._account = account

    @operation("List one's own sessions", access=PERSON, response=SessionList)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the sessions that may still be used."""
        who = principal_of(req)
        rows = await self._account.sessions(who.id)
        items = [SessionView(**row, current=row["id"] == who.fact("session")) for row in rows]
        resp.media = SessionList(items=items).wire()

    @operation("End one of one's own sessions", access=PERSON, status=204, problems=(404, 422))
    async def on_delete_one(self, req: Request, resp: Response, session_id: str) -> None:
        """Answer 204; the session's tokens are dead."""
        await self._account.end_session(principal_of(req).id, check_uuid(session_id))
        resp.status = 204


def _me(user: User, who: Principal) -> MeView:
    return MeView(
        **user_view(user).model_dump(),
        recovery_codes_left=len(user.recovery_hashes),
        session_id=who.fact("session") or "",
        scopes=sorted(SCOPES[user.role]),
    )
