"""Invitations: who may make them, how many there may be, and what ends them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.real
ROUTE = "/api/v1/invitations"


async def make(api: Any, person: Any, email: str = "new@example.com", role: str = "viewer") -> Any:
    return await api.by(person, "POST", ROUTE, {"email": email, "role": role})


async def accept(api: Any, token: str, **changes: Any) -> Any:
    body = {"token": token, "name": "New", "password": "four words make sense", **changes}
    return await api.ask("POST", f"{ROUTE}/accept", body)


async def look(api: Any, token: str) -> Any:
    return await api.ask("POST", f"{ROUTE}/look", {"token": token})


@pytest.mark.parametrize(
    ("actor", "role", "status"),
    [
        ("owner", "owner", 201),
        ("admin", "admin", 201),
        ("admin", "owner", 403),
        ("manager", "viewer", 403),
        ("viewer", "viewer", 403),
    ],
)
async def test_who_may_invite_to_what(api: Any, actor: str, role: str, status: int) -> None:
    answer = await make(api, await api.person(actor), role=role)
    assert answer.status_code == status


async def test_an_invitation_becomes_an_account_with_its_role(api: Any) -> None:
    admin = await api.person("admin")
    made = (await make(api, admin, role="operator")).json
    assert set(made) == {"id", "email", "role", "expiresAt", "token"}
    listed = (await api.by(admin, "GET", ROUTE)).json["items"]
    assert [(one["id"], one["createdBy"]) for one in listed] == [(made["id"], admin.id)]
    assert "token" not in listed[0]
    assert made["token"].split(".")[1] not in str(
        await api.rows("SELECT i::text FROM invitations i")
    )
    signed_in = await accept(api, made["token"])
    assert signed_in.json["user"]["role"] == "operator"
    assert (await api.by(admin, "GET", ROUTE)).json == {"items": [], "next": None}
    taken = await make(api, admin)
    assert (taken.status_code, taken.json["code"]) == (409, "conflict")


async def test_an_admin_does_not_take_back_an_owners_invitation(api: Any) -> None:
    owner, admin = await api.person("owner"), await api.person("admin")
    made = (await make(api, owner, role="owner")).json
    revoked = await api.by(admin, "DELETE", f"{ROUTE}/{made['id']}")
    replaced = await make(api, admin, role="viewer")
    assert [revoked.status_code, replaced.status_code] == [403, 403]
    assert (await look(api, made["token"])).status_code == 200
    assert (await api.by(owner, "DELETE", f"{ROUTE}/{made['id']}")).status_code == 204


@pytest.mark.parametrize("how", ["expired", "revoked", "replaced", "never was", "used"])
async def test_what_is_gone_is_gone_alike(api: Any, how: str) -> None:
    admin = await api.person("admin")
    made = (await make(api, admin)).json
    token = made["token"]
    if how == "expired":
        api.clock.advance(timedelta(days=7))
    elif how == "revoked":
        path = f"{ROUTE}/{made['id']}"
        admin_again = [(await api.by(admin, "DELETE", path)).status_code for _ in range(2)]
        assert admin_again == [204, 404]
    elif how == "replaced":
        assert (await make(api, admin)).status_code == 201
    elif how == "used":
        assert (await accept(api, token)).status_code == 200
    else:
        token = token[:-1] + ("A" if token[-1] != "A" else "E")
    answers = [await look(api, token), await accept(api, token)]
    assert [(a.status_code, a.json["code"]) for a in answers] == [(404, "invitation_gone")] * 2


async def test_at_once_it_is_accepted_once(api: Any) -> None:
    token = (await make(api, await api.person("admin"))).json["token"]
    answers = await asyncio.gather(*(accept(api, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


@pytest.mark.parametrize(
    "password", ["short", "password1234", "new@example.com", "new@EXAMPLE.com"]
)
async def test_a_bad_password_leaves_it_open(api: Any, password: str) -> None:
    token = (await make(api, await api.person("admin"))).json["token"]
    answer = await accept(api, token, password=password)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/password")
    assert password not in answer.text
    assert (await accept(api, token)).status_code == 200


async def test_a_demoted_inviters_invitations_are_void(api: Any) -> None:
    owner, admin = await api.person("owner"), await api.person("admin")
    token = (await make(api, admin, role="admin")).json["token"]
    await api.by(owner, "PATCH", f"/api/v1/users/{admin.id}", {"role": "viewer"})
    assert (await look(api, token)).status_code == 404


async def test_looking_is_counted_by_address(api: Any) -> None:
    for _ in range(30):
        assert (await look(api, "inv1.x")).status_code == 404
    for answer in (await look(api, "inv1.x"), await accept(api, "inv1.x")):
        assert (answer.status_code, answer.json["code"]) == (429, "too_many_attempts")
    api.clock.advance(timedelta(minutes=15))
    assert (await look(api, "inv1.x")).status_code == 404


async def test_what_succeeds_is_not_counted(api: Any) -> None:
    token = (await make(api, await api.person("admin"))).json["token"]
    for _ in range(3):
        assert (await look(api, token)).status_code == 200
    assert (await accept(api, token)).status_code == 200
    assert await api.rows("SELECT 1 FROM login_attempts") == []


async def test_billing_invites_the_first_owner_only(api: Any) -> None:
    async def by_billing(email: str, role: str = "owner") -> Any:
        body = {"email": email, "role": role}
        return await api.call("POST", ROUTE, body, scope=["invite"])

    assert (await by_billing("a@example.com", "admin")).status_code == 403
    first = (await by_billing("a@example.com")).json["token"]
    second = (await by_billing("a@example.com")).json["token"]
    third = (await by_billing("b@example.com")).json["token"]
    statuses = [(await look(api, token)).status_code for token in (first, second, third)]
    assert statuses == [404, 404, 200], "each takes the place of the one before"
    assert (await api.call("GET", ROUTE, scope=["invite"])).status_code == 403
    assert (await accept(api, third)).status_code == 200
    refused = await by_billing("c@example.com")
    assert (refused.status_code, refused.json["code"]) == (409, "owner_exists")


class TestOnStarter:
    """Two users at most."""

    @pytest.fixture
    def plan(self) -> str:
        return "starter"

    async def test_people_and_open_invitations_count(self, api: Any) -> None:
        owner = await api.person("owner")
        token = (await make(api, owner)).json["token"]
        refused = await make(api, owner, "third@example.com")
        facts = {
            name: refused.json[name] for name in ("status", "code", "feature", "limit", "used")
        }
        assert facts == {
            "status": 403, "code": "limit_reached", "feature": "maxUsers", "limit": 2, "used": 2,
        }  # fmt: skip
        assert len((await api.by(owner, "GET", ROUTE)).json["items"]) == 1, "nothing was stored"
        again = await make(api, owner)
        assert again.status_code == 201, "a repeat takes the same seat"
        assert (await accept(api, again.json["token"])).status_code == 200
        assert (await look(api, token)).status_code == 404
        api.clock.advance(timedelta(seconds=1))
        assert (await make(api, owner, "third@example.com")).json["code"] == "limit_reached"

    async def test_a_seat_that_is_gone_is_not_taken(self, api: Any) -> None:
        owner = await api.person("owner")
        token = (await make(api, owner)).json["token"]
        await api.person("viewer")
        answer = await accept(api, token)
        assert (answer.status_code, answer.json["code"]) == (403, "limit_reached")

    async def test_at_once_there_are_no_more_than_the_plan_has(self, api: Any) -> None:
        owner = await api.person("owner")
        answers = await asyncio.gather(
            *(make(api, owner, f"n{number}@example.com") for number in range(12))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [403] * 11
