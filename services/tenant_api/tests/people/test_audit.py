"""The audit log: a line for each act, read in pages."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.real
ROUTE = "/api/v1/audit-log"


async def test_each_act_leaves_a_line_without_secrets(api: Any) -> None:
    owner, other = await api.person("owner", "o@example.com"), await api.person("viewer")
    user = f"/api/v1/users/{other.id}"
    new = {"email": "n@example.com", "role": "viewer"}
    made = (await api.by(owner, "POST", "/api/v1/invitations", new)).json
    await api.by(owner, "DELETE", f"/api/v1/invitations/{made['id']}")
    again = (await api.by(owner, "POST", "/api/v1/invitations", new)).json
    body = {"token": again["token"], "name": "N", "password": "four words make sense"}
    accepted = (await api.ask("POST", "/api/v1/invitations/accept", body)).json
    await api.sign_in(owner)
    await api.sign_in(owner, password="never in the log")
    await api.by(owner, "PATCH", user, {"role": "manager"})
    await api.by(owner, "POST", f"{user}/sign-out")
    await api.by(owner, "DELETE", user)
    change = {"current": owner.password, "new": "another long phrase"}
    await api.by(owner, "POST", "/api/v1/auth/password", change)
    await api.by(owner, "POST", "/api/provisioning-keys", {})
    await api.ask("POST", "/api/v1/auth/logout", {"refreshToken": accepted["refreshToken"]})
    read = await api.by(owner, "GET", ROUTE)
    lines = read.json["items"][::-1]
    new_id = accepted["user"]["id"]
    assert [(line["action"], line["actorName"]) for line in lines] == [
        ("user_invited", "o@example.com"),
        ("invitation_revoked", "o@example.com"),
        ("user_invited", "o@example.com"),
        ("invitation_accepted", "n@example.com"),
        ("signed_in", "o@example.com"),
        ("sign_in_refused", "anonymous"),
        ("user_changed", "o@example.com"),
        ("user_signed_out", "o@example.com"),
        ("user_removed", "o@example.com"),
        ("password_changed", "o@example.com"),
        ("provisioning_key_made", "o@example.com"),
        ("signed_out", "n@example.com"),
    ]
    assert lines[6]["detail"] == {"role": "manager"}
    assert lines[8]["detail"] == {"email": other.email}
    assert (lines[3]["actor"], lines[5]["subject"]) == (new_id, "o@example.com")
    for secret in (made["token"], again["token"], "never in the log", owner.password,
                   "another long phrase", owner.access, accepted["refreshToken"]):  # fmt: skip
        assert secret not in read.text


async def test_pages_newest_first(api: Any) -> None:
    owner = await api.person("owner")
    for name in "abcde":
        await api.by(owner, "PATCH", "/api/v1/auth/me", {"name": name})
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = (await api.by(owner, "GET", ROUTE, params=query)).json
        seen += [line["detail"]["name"] for line in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == ["e", "d", "c", "b", "a"]


async def test_by_actor_and_action(api: Any) -> None:
    owner, admin = await api.person("owner"), await api.person("admin")
    for person in (owner, admin):
        await api.by(person, "PATCH", "/api/v1/auth/me", {"name": person.id[:8]})
        await api.sign_in(person)
    both = {"actor": admin.id, "action": "user_changed"}
    found = (await api.by(owner, "GET", ROUTE, params=both)).json["items"]
    assert [(line["actor"], line["action"]) for line in found] == [(admin.id, "user_changed")]
    assert (await api.by(owner, "GET", ROUTE, params={"action": "no"})).json["items"] == []
    assert (await api.by(owner, "GET", ROUTE, params={"before": "x"})).status_code == 422


async def test_a_removed_persons_acts_keep_the_name(api: Any) -> None:
    owner, gone = await api.person("owner"), await api.person("admin", "gone@example.com")
    await api.by(gone, "PATCH", "/api/v1/auth/me", {"name": "G"})
    await api.by(owner, "DELETE", f"/api/v1/users/{gone.id}")
    lines = (await api.by(owner, "GET", ROUTE, params={"actor": gone.id})).json["items"]
    assert [line["actorName"] for line in lines] == ["gone@example.com"]


async def test_a_services_token_may_read_it_by_scope(api: Any) -> None:
    assert (await api.call("GET", ROUTE, scope=["audit"])).status_code == 200
    assert (await api.call("GET", ROUTE, scope=["read"])).status_code == 403
