"""The caller's own account: /api/v1/auth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_kit.app import principal_of
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.people import SCOPES
from iotistic_tenant_api.resources.access import PERSON
from iotistic_tenant_api.resources.sign_in import user_view
from iotistic_tenant_api.schemas_people import MeView

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.auth import Principal
    from iotistic_tenant_api.domain.people import User
    from iotistic_tenant_api.usecases.own_account import OwnAccount

__all__ = ["Me"]


class Me:
    """Who calls."""

    def __init__(self, account: OwnAccount) -> None:
        self._account = account

    @operation("Show who calls", access=PERSON, response=MeView)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer the user, the session, and what the role reaches."""
        who = principal_of(req)
        resp.media = _me(await self._account.get(who.id), who).wire()


def _me(user: User, who: Principal) -> MeView:
    return MeView(
        **user_view(user).model_dump(),
        recovery_codes_left=len(user.recovery_hashes),
        session_id=who.fact("session") or "",
        scopes=sorted(SCOPES[user.role]),
    )
