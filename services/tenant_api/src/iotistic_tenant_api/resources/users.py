"""People with an account, and what everybody did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_contract.ids import check_uuid
from iotistic_kit.app import principal_of
from iotistic_kit.bodies import read_body, read_query
from iotistic_kit.operation import operation
from iotistic_tenant_api.domain.errors import Refused
from iotistic_tenant_api.resources.access import KEEP_USERS, READ_AUDIT
from iotistic_tenant_api.resources.sign_in import MAX_BODY, user_view
from iotistic_tenant_api.schemas_people import (
    AuditPage,
    AuditQuery,
    AuditView,
    PersonPage,
    UserChanges,
    UserPage,
    UserView,
)
from iotistic_tenant_api.storage.audit_log import PostgresAuditLog
from iotistic_tenant_api.storage.users import PostgresUsers
from iotistic_tenant_api.usecases.keep_users import unknown_user

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_kit.db import Database
    from iotistic_tenant_api.usecases.keep_users import UserDesk

__all__ = ["AuditLog", "UserSignOuts", "Users"]


class Users:
    """Users by id."""

    def __init__(self, database: Database, desk: UserDesk) -> None:
        self._database = database
        self._desk = desk

    @operation("List users", access=KEEP_USERS, query=PersonPage, response=UserPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer users by e-mail."""
        page = read_query(req, PersonPage)
        async with self._database.connection() as connection:
            found = await PostgresUsers(connection).page(page.after, page.limit)
        following = found[-1].id if len(found) == page.limit else None
        resp.media = UserPage(items=[user_view(one) for one in found], next=following).wire()

    @operation("Show a user", access=KEEP_USERS, response=UserView, problems=(404, 422))
    async def on_get_one(self, _req: Request, resp: Response, user_id: str) -> None:
        """Answer one user."""
        checked = check_uuid(user_id)
        async with self._database.connection() as connection:
            found = await PostgresUsers(connection).get(checked)
        if found is None:
            raise unknown_user()
        resp.media = user_view(found).wire()

    @operation(
        "Change a user",
        access=KEEP_USERS,
        request=UserChanges,
        response=UserView,
        problems=(402, 403, 404, 409),
        max_body=MAX_BODY,
    )
    async def on_patch_one(self, req: Request, resp: Response, user_id: str) -> None:
        """Answer the changed user; 409 `last_owner`, 403 for a role above the caller's own."""
        body = await read_body(req, UserChanges)
        changes = {name: getattr(body, name) for name in body.model_fields_set}
        for name, value in changes.items():
            if value is None:
                raise Refused(422, "invalid", "may not be null", pointer=f"/{name}")
        changed = await self._desk.change(check_uuid(user_id), changes, by=principal_of(req).id)
        resp.media = user_view(changed).wire()

    @operation("Remove a user", access=KEEP_USERS, status=204, problems=(403, 404, 409, 422))
    async def on_delete_one(self, req: Request, resp: Response, user_id: str) -> None:
        """Answer 204; the user's sessions have ended."""
        await self._desk.remove(check_uuid(user_id), by=principal_of(req).id)
        resp.status = 204


class UserSignOuts:
    """Ends of all of a user's sessions."""

    def __init__(self, desk: UserDesk) -> None:
        self._desk = desk

    @operation("Sign a user out", access=KEEP_USERS, status=204, problems=(403, 404, 422))
    async def on_post(self, req: Request, resp: Response, user_id: str) -> None:
        """Answer 204."""
        await self._desk.sign_out(check_uuid(user_id), by=principal_of(req).id)
        resp.status = 204


class AuditLog:
    """Who did what to whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("Read the audit log", access=READ_AUDIT, query=AuditQuery, response=AuditPage)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer lines, newest first."""
        asked = read_query(req, AuditQuery)
        before = None if asked.before is None else int(asked.before)
        async with self._database.connection() as connection:
            rows = await PostgresAuditLog(connection).page(
                before=before, limit=asked.limit, actor=asked.actor, action=asked.action
            )
        items = [AuditView.model_validate(row) for row in rows]
        following = items[-1].id if len(items) == asked.limit else None
        resp.media = AuditPage(items=items, next=following).wire()
