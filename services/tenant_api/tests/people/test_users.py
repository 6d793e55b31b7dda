"""Who may change whom, and what ends with an account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.real
USERS = "/api/v1/users"


async def outcome(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code") if answer.text else None


@pytest.mark.parametrize(
    ("actor", "target", "body", "expected"),
    [
        ("owner", "owner", {"role": "viewer"}, (200, None)),
        ("owner", "admin", {"role": "owner"}, (200, None)),
        ("owner", "viewer", {"name": "Vi", "role": "manager", "disabled": True}, (200, None)),
        ("admin", "viewer", {"role": "admin"}, (200, None)),
        ("admin", "admin", {"role": "viewer"}, (200, None)),
        ("admin", "viewer", {"role": "owner"}, (403, "forbidden")),
        ("admin", "owner", {"role": "viewer"}, (403, "forbidden")),
        ("admin", "owner", {"name": "Mine"}, (403, "forbidden")),
        ("admin", "owner", {"disabled": True}, (403, "forbidden")),
        ("manager", "viewer", {"name": "Vi"}, (403, "forbidden")),
        ("owner", "viewer", {"role": "king"}, (422, "invalid")),
        ("owner", "viewer", {"role": None}, (422, "invalid")),
        ("owner", "viewer", {"email": "x@y.zz"}, (422, "invalid")),
    ],
)
async def test_changes(api: Any, actor: str, target: str, body: Any, expected: Any) -> None:
    acting, other = await api.person(actor), await api.person(target)
    answer = await api.by(acting, "PATCH", f"{USERS}/{other.id}", body)
    assert await outcome(answer) == expected, answer.text
    if expected[0] == 200:
        shown = (await api.by(await api.person("owner"), "GET", f"{USERS}/{other.id}")).json
        assert shown == answer.json
        assert {name: shown[name] for name in body} == body


@pytest.mark.parametrize("role", ["viewer", "admin", "owner"])
async def test_nobody_lifts_themselves(api: Any, role: str) -> None:
    person = await api.person(role)
    await api.person("owner")
    higher = "owner" if role == "admin" else "admin"
    answer = await api.by(person, "PATCH", f"{USERS}/{person.id}", {"role": higher})
    assert answer.status_code == (200 if role == "owner" else 403)


@pytest.mark.parametrize(("actor", "target"), [("admin", "owner"), ("manager", "viewer")])
async def test_nobody_removes_or_signs_out_above(api: Any, actor: str, target: str) -> None:
    acting, other = await api.person(actor), await api.person(target)
    assert (await api.by(acting, "DELETE", f"{USERS}/{other.id}")).status_code == 403
    assert (await api.by(acting, "POST", f"{USERS}/{other.id}/sign-out")).status_code == 403
    assert (await api.by(other, "GET", "/api/v1/auth/me")).status_code == 200


async def test_the_last_owner_stays(api: Any) -> None:
    owner = await api.person("owner")
    closed = await api.person("owner")
    assert (
        await api.by(owner, "PATCH", f"{USERS}/{closed.id}", {"disabled": True})
    ).status_code == 200
    path = f"{USERS}/{owner.id}"
    for answer in (
        await api.by(owner, "PATCH", path, {"role": "admin"}),
        await api.by(owner, "PATCH", path, {"disabled": True}),
        await api.by(owner, "DELETE", path),
    ):
        assert await outcome(answer) == (409, "last_owner")
    assert (await api.by(owner, "PATCH", path, {"name": "Still"})).status_code == 200
    await api.person("owner")
    assert (await api.by(owner, "DELETE", path)).status_code == 204


async def test_two_owners_at_once_cannot_both_go(api: Any) -> None:
    one, two = await api.person("owner"), await api.person("owner")
    answers = await asyncio.gather(
        api.by(one, "PATCH", f"{USERS}/{two.id}", {"role": "viewer"}),
        api.by(two, "PATCH", f"{USERS}/{one.id}", {"role": "viewer"}),
        api.by(one, "DELETE", f"{USERS}/{one.id}"),
        api.by(two, "DELETE", f"{USERS}/{two.id}"),
    )
    assert all(answer.status_code in {200, 204, 401, 403, 404, 409} for answer in answers)
    rows = await api.rows("SELECT count(*) FROM users WHERE role = 'owner' AND removed_at IS NULL")
    assert rows == [(1,)]


async def test_a_removed_user_is_gone_and_may_be_invited_again(api: Any) -> None:
    owner, leaving = await api.person("owner"), await api.person("admin", "eve@example.com")
    made = await api.by(
        leaving, "POST", "/api/v1/invitations", {"email": "mole@x.yz", "role": "admin"}
    )
    assert (await api.by(owner, "DELETE", f"{USERS}/{leaving.id}")).status_code == 204
    await api.heard()
    assert (await api.by(leaving, "GET", "/api/v1/auth/me")).status_code == 401
    again = await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": leaving.refresh})
    assert again.status_code == 401
    assert (await api.sign_in(leaving)).json["code"] == "bad_credentials"
    token = {"token": made.json["token"]}
    gone = await api.ask("POST", "/api/v1/invitations/look", token)
    assert await outcome(gone) == (404, "invitation_gone"), "what was invited goes along"
    assert await outcome(await api.by(owner, "GET", f"{USERS}/{leaving.id}")) == (404, "not_found")
    rows = await api.rows("SELECT password_hash, totp_secret FROM users WHERE id = %s", leaving.id)
    assert rows == [("", None)]
    body = {"email": "eve@example.com", "role": "viewer"}
    assert (await api.by(owner, "POST", "/api/v1/invitations", body)).status_code == 201


async def test_a_closed_account_is_out_until_it_is_opened(api: Any) -> None:
    owner, other = await api.person("owner"), await api.person("operator")
    path = f"{USERS}/{other.id}"
    assert (await api.by(owner, "PATCH", path, {"disabled": True})).json["disabled"] is True
    await api.heard()
    assert (await api.by(other, "GET", "/api/v1/auth/me")).status_code == 401
    assert await outcome(await api.sign_in(other)) == (401, "bad_credentials")
    assert (await api.by(owner, "PATCH", path, {"disabled": False})).json["disabled"] is False
    await api.heard()
    assert (await api.by(other, "GET", "/api/v1/auth/me")).status_code == 401, "sessions ended"
    assert (await api.sign_in(other)).status_code == 200


async def test_sign_out_ends_every_session(api: Any) -> None:
    owner, other = await api.person("owner"), await api.person("viewer")
    first = other.headers
    assert (await api.sign_in(other)).status_code == 200
    assert (await api.by(owner, "POST", f"{USERS}/{other.id}/sign-out")).status_code == 204
    await api.heard()
    for headers in (first, other.headers):
        assert (await api.ask("GET", "/api/v1/auth/me", headers=headers)).status_code == 401
    assert (await api.sign_in(other)).status_code == 200


async def test_pages_of_users_by_email(api: Any) -> None:
    owner = await api.person("owner", "m@example.com")
    for name in "zak":
        await api.person("viewer", f"{name}@example.com")
    seen, after = [], None
    while True:
        query = {"limit": "3"} | ({"after": after} if after else {})
        page = (await api.by(owner, "GET", USERS, params=query)).json
        seen += [one["email"][0] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["a", "k", "m", "z"]


async def test_a_password_change_ends_the_other_sessions(api: Any) -> None:
    person = await api.person()
    other = person.headers
    assert (await api.sign_in(person)).status_code == 200
    for body, expected in (
        ({"current": "not this password", "new": "another long phrase"}, (403, "wrong_password")),
        ({"current": person.password, "new": "short"}, (422, "invalid")),
        ({"current": person.password, "new": "password1234"}, (422, "invalid")),
        ({"current": person.password, "new": person.email}, (422, "invalid")),
        ({"current": person.password, "new": "another long phrase"}, (204, None)),
    ):
        answer = await api.by(person, "POST", "/api/v1/auth/password", body)
        assert await outcome(answer) == expected
    await api.heard()
    assert (await api.ask("GET", "/api/v1/auth/me", headers=other)).status_code == 401
    assert (await api.by(person, "GET", "/api/v1/auth/me")).status_code == 200
    assert (await api.sign_in(person)).status_code == 401
    assert (await api.sign_in(person, password="another long phrase")).status_code == 200


async def test_ones_own_sessions(api: Any) -> None:
    person, other = await api.person(), await api.person()
    first = person.session
    await api.sign_in(person)
    listed = (await api.by(person, "GET", "/api/v1/auth/sessions")).json["items"]
    assert {(one["id"], one["current"]) for one in listed} == {
        (first, False), (person.session, True),
    }  # fmt: skip
    path = "/api/v1/auth/sessions"
    assert (await api.by(other, "DELETE", f"{path}/{first}")).status_code == 404
    assert (await api.by(person, "DELETE", f"{path}/{first}")).status_code == 204
    assert (await api.by(person, "DELETE", f"{path}/{first}")).status_code == 404
    assert len((await api.by(person, "GET", path)).json["items"]) == 1


async def test_a_new_name_is_seen_at_once(api: Any) -> None:
    person = await api.person("viewer")
    answer = await api.by(person, "PATCH", "/api/v1/auth/me", {"name": "Vi"})
    assert (answer.status_code, answer.json["name"]) == (200, "Vi")
    assert (await api.by(person, "PATCH", "/api/v1/auth/me", {"role": "owner"})).status_code == 422
