"""People with an account, and those who are invited."""

import asyncio
from typing import Any
from uuid import UUID

from falcon.asgi import Request, Response

from iotistic_dashboard.access import PERSON, caller_of, check_permitted
from iotistic_dashboard.api import ApiRefused
from iotistic_dashboard.domain.roles import ROLES, may_give
from iotistic_dashboard.web.acts import attempt
from iotistic_dashboard.web.faults import said
from iotistic_dashboard.web.forms import form_of
from iotistic_dashboard.web.page import page
from iotistic_dashboard.web.pages import Pages, redirect

__all__ = ["Invitations", "UserActs", "Users"]


class Users:
    """``/users``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("List users and invitations", access=PERSON)
    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer who has an account and who is invited."""
        caller = caller_of(req)
        after = req.get_param("after", default="")[:64]
        users, invitations, me = await asyncio.gather(
            caller.get("/api/v1/users", after=after, limit=100),
            caller.get("/api/v1/invitations", limit=100),
            caller.person(),
        )
        facts: dict[str, Any] = {"users": users["items"], "next": users.get("next")}
        facts |= {"invitations": invitations["items"], "roles": may_give(str(me["role"]))}
        self._pages.show(req, resp, "users", all_roles=ROLES, **facts)

    @page("Invite somebody", access=PERSON)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the invitation's link: this once, so it is no redirect."""
        caller, form = caller_of(req), form_of(req)
        body = {"email": form.text("email"), "role": form.text("role")}
        try:
            made = await caller.send("POST", "/api/v1/invitations", body)
        except ApiRefused as refused:
            caller.tell("bad", said(refused))
            redirect(resp, "/users")
            return
        link = f"https://{req.host if req.port == 443 else req.netloc}/invitation#{made['token']}"
        self._pages.show(req, resp, "invited", invitation=made, link=link)


class UserActs:
    """``/users/{user_id}``: role, sign-out, disable, enable, remove."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @page("Show a user", access=PERSON)
    async def on_get(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Answer what can be changed."""
        caller = caller_of(req)
        user, me = await asyncio.gather(caller.get(f"/api/v1/users/{user_id}"), caller.person())
        facts = {"user": user, "roles": may_give(str(me["role"])), "all_roles": ROLES}
        self._pages.show(req, resp, "user", **facts)

    @page("Change a user", access=PERSON)
    async def on_post(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Go back to the user."""
        caller, form = caller_of(req), form_of(req)
        at, name = f"/api/v1/users/{user_id}", form.text("who") or "This user"
        match form.text("act"):
            case "role":
                call = caller.send("PATCH", at, {"role": form.text("role")})
                done = f"{name} is {form.text('role')} now."
            case "enable":
                call = caller.send("PATCH", at, {"disabled": False})
                done = f"{name} may sign in again."
            case _:
                call = caller.send("POST", f"{at}/sign-out")
                done = f"{name} is signed out everywhere."
        await attempt(caller, resp, call, back=f"/users/{user_id}", done=done)

    @page("Ask before a user is disabled", access=PERSON)
    async def on_get_disable(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Answer the question."""
        caller = caller_of(req)
        await check_permitted(caller, "users", closing=True)
        user = await caller.get(f"/api/v1/users/{user_id}")
        self._pages.show(
            req, resp, "confirm",
            title=f"Disable {user['name']}?",
            lost=[f"{user['email']} is signed out everywhere and can't sign in"],
            kept=["the account with its role: you can enable it again"],
            act=f"/users/{user_id}/disable", label="Disable the account",
            fields={"who": user["name"]}, back=f"/users/{user_id}",
        )  # fmt: skip

    @page("Disable a user", access=PERSON)
    async def on_post_disable(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Go back to the user."""
        caller = caller_of(req)
        call = caller.send("PATCH", f"/api/v1/users/{user_id}", {"disabled": True})
        done = f"{form_of(req).text('who') or 'This user'} can't sign in any more."
        await attempt(caller, resp, call, back=f"/users/{user_id}", done=done)

    @page("Ask before a user is removed", access=PERSON)
    async def on_get_remove(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Answer the question."""
        caller = caller_of(req)
        await check_permitted(caller, "users", closing=True)
        user = await caller.get(f"/api/v1/users/{user_id}")
        self._pages.show(
            req, resp, "confirm",
            title=f"Remove {user['name']}?",
            lost=[f"the account {user['email']} with its second factor and its sessions"],
            kept=["what this user did stays in the audit log"],
            act=f"/users/{user_id}/remove", label=f"Remove {user['name']}",
            fields={"who": user["name"]}, back=f"/users/{user_id}",
        )  # fmt: skip

    @page("Remove a user", access=PERSON)
    async def on_post_remove(self, req: Request, resp: Response, user_id: UUID) -> None:
        """Go to the list."""
        caller = caller_of(req)
        call = caller.send("DELETE", f"/api/v1/users/{user_id}")
        done = f"{form_of(req).text('who') or 'The user'} is removed."
        await attempt(caller, resp, call, back="/users", done=done)


class Invitations:
    """``/users/invitations/{invitation_id}/revoke``."""

    @page("Take an invitation back", access=PERSON)
    async def on_post(self, req: Request, resp: Response, invitation_id: UUID) -> None:
        """Go to the list."""
        caller = caller_of(req)
        call = caller.send("DELETE", f"/api/v1/invitations/{invitation_id}")
        await attempt(caller, resp, call, back="/users", done="The invitation is taken back.")
