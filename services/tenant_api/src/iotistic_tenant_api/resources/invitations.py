"""Invitations, for those who make them and those who accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.ids import check_uuid
from iotistic_kit.app import principal_of
from iotistic_kit.auth import PUBLIC
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.resources.access import INVITE, KEEP_USERS
from iotistic_tenant_api.resources.sign_in import MAX_BODY, answer_tokens
from iotistic_tenant_api.schemas_people import (
    AcceptBody,
    InvitationBody,
    InvitationCreated,
    InvitationPage,
    InvitationView,
    NewInvitation,
    PersonPage,
    SeenInvitation,
    SignedInView,
)
from iotistic_tenant_api.storage.invitations import PostgresInvitations
from iotistic_tenant_api.usecases.invitations import Acceptance

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.resources.sign_in import Clients
    from iotistic_tenant_api.usecases.invitations import AcceptInvitation, InvitationDesk

__all__ = ["AcceptedInvitations", "Invitations", "InvitationsSeen"]


class Invitations:
    """Open invitations."""

    def __init__(self, database: Database, desk: InvitationDesk, clock: Clock) -> None:
        self._database = database
        self._desk = desk
        self._clock = clock

    @operation(
        "List open invitations", access=KEEP_USERS, query=PersonPage, response=InvitationPage
    )
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer invitations by id, without tokens."""
        page = read_query(req, PersonPage)
        async with self._database.connection() as connection:
            found = await PostgresInvitations(connection).page(
                page.after, page.limit, self._clock.now()
            )
        items = [InvitationView(**{n: getattr(one, n) for n in _SHOWN}) for one in found]
        following = items[-1].id if len(items) == page.limit else None
        resp.media = InvitationPage(items=items, next=following).wire()

    @operation(
        "Invite somebody",
        access=INVITE,
        request=NewInvitation,
        response=InvitationCreated,
        status=201,
        problems=(402, 403, 409),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the invitation; its token is shown this once."""
        body, who = await read_body(req, NewInvitation), principal_of(req)
        make = self._desk.by_person if who.kind == "person" else self._desk.first_owner
        invited = await make(body.email, body.role, by=who.id)
        resp.media = InvitationCreated(
            id=invited.invitation.id,
            email=invited.invitation.email,
            role=invited.invitation.role,
            expires_at=invited.invitation.expires_at,
            token=invited.token,
        ).wire()
        resp.set_header("Cache-Control", "no-store")
        resp.status = 201

    @operation("Revoke an invitation", access=KEEP_USERS, status=204, problems=(403, 404, 422))
    async def on_delete_one(self, req: Request, resp: Response, invitation_id: str) -> None:
        """Answer 204."""
        await self._desk.revoke(check_uuid(invitation_id), by=principal_of(req).id)
        resp.status = 204


class InvitationsSeen:
    """What an invitation is for."""

    def __init__(self, accept: AcceptInvitation, clients: Clients) -> None:
        self._accept = accept
        self._clients = clients

    @operation(
        "Look at an invitation",
        access=PUBLIC,
        request=InvitationBody,
        response=SeenInvitation,
        problems=(404, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer address, role and end; 404 `invitation_gone` for a token that isn't open."""
        body = await read_body(req, InvitationBody)
        found = await self._accept.look(body.token.get_secret_value(), self._clients.of(req))
        resp.media = SeenInvitation(
            email=found.email, role=found.role, expires_at=found.expires_at
        ).wire()
        resp.set_header("Cache-Control", "no-store")


class AcceptedInvitations:
    """New accounts."""

    def __init__(self, accept: AcceptInvitation, clients: Clients) -> None:
        self._accept = accept
        self._clients = clients

    @operation(
        "Accept an invitation",
        access=PUBLIC,
        request=AcceptBody,
        response=SignedInView,
        problems=(402, 403, 404, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the tokens of the new account's first session."""
        body = await read_body(req, AcceptBody)
        given = Acceptance(
            token=body.token.get_secret_value(),
            name=body.name,
            password=body.password.get_secret_value(),
        )
        answer_tokens(resp, await self._accept(given, self._clients.of(req)))


_SHOWN = tuple(InvitationView.model_fields)
