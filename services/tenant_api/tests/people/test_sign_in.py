"""Come in: by invitation, by password; stay in by refresh; go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

pytestmark = pytest.mark.real

PASSWORD = "four words make sense"


async def invited(api: Any, email: str = "ada@example.com", role: str = "owner") -> str:
    answer = await api.call(
        "POST", "/api/v1/invitations", {"email": email, "role": role}, scope=["invite"]
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json["token"])


async def accepted(api: Any, token: str) -> Any:
    body = {"token": token, "name": "Ada", "password": PASSWORD}
    return await api.ask("POST", "/api/v1/invitations/accept", body)


async def me(api: Any, access: str) -> Any:
    return await api.ask("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {access}"})


async def refresh(api: Any, token: str) -> Any:
    return await api.ask("POST", "/api/v1/auth/refresh", {"refreshToken": token})


async def test_the_first_owner_comes_in_and_out(api: Any) -> None:
    token = await invited(api)
    seen = await api.ask("POST", "/api/v1/invitations/look", {"token": token})
    assert (seen.json["email"], seen.json["role"]) == ("ada@example.com", "owner")
    first = await accepted(api, token)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    assert first.json["expiresIn"] == 900
    shown = (await me(api, first.json["accessToken"])).json
    now = shown["createdAt"]
    assert shown == {
        "id": shown["id"], "email": "ada@example.com", "name": "Ada", "role": "owner",
        "twoFactor": False, "disabled": False, "createdAt": now, "lastLoginAt": now,
        "recoveryCodesLeft": 0, "sessionId": first.json["accessToken"].split(".")[1],
        "scopes": ["audit", "devices", "license", "overrides", "provisioning-keys", "read",
                   "target-states", "upgrades", "users"],
    }  # fmt: skip
    again = await accepted(api, token)
    assert (again.status_code, again.json["code"]) == (404, "invitation_gone")

    body = {"email": " ADA@example.com", "password": PASSWORD}
    second = await api.ask("POST", "/api/v1/auth/login", body)
    assert second.status_code == 200, second.text
    left = await api.ask(
        "POST", "/api/v1/auth/logout", {"refreshToken": second.json["refreshToken"]}
    )
    assert left.status_code == 204
    await api.heard()
    assert (await me(api, second.json["accessToken"])).status_code == 401
    assert (await refresh(api, second.json["refreshToken"])).status_code == 401
    assert (await me(api, first.json["accessToken"])).status_code == 200


async def test_a_refresh_gives_new_tokens_and_ends_the_old_ones(api: Any) -> None:
    person = await api.person()
    renewed = (await refresh(api, person.refresh)).json
    await api.heard()
    assert (await me(api, person.access)).status_code == 401
    assert (await me(api, renewed["accessToken"])).status_code == 200
    api.clock.advance(timedelta(minutes=15))
    assert (await me(api, renewed["accessToken"])).status_code == 401
    assert (await refresh(api, renewed["refreshToken"])).status_code == 200


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the real hasher was asked to compare with."""
    seen: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, stored: str, password: str) -> bool:
        seen.append(stored)
        return bool(real(self, stored, password))

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    return seen


async def test_an_unknown_address_gets_the_same_answer_for_the_same_work(
    api: Any, hashed: list[str]
) -> None:
    person, closed = await api.person(), await api.person()
    await api.rows("UPDATE users SET disabled_at = now() WHERE id = %s RETURNING 1", closed.id)
    answers = [
        await api.sign_in(person, password="not this password"),
        await api.sign_in(person, email="nobody@example.com"),
        await api.sign_in(closed),
        await api.sign_in(closed, password="not this password", code="123456"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json["code"] == "bad_credentials"
    headers = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in answers]
    assert all(one == headers[0] for one in headers)
    assert len(hashed) == 4, "one comparison each, for nobody too"
    nobody = hashed[1]
    assert nobody.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "as dear as a password of today"
    rows = await api.rows("SELECT action, subject FROM audit_log ORDER BY id")
    assert [row[0] for row in rows] == ["sign_in_refused"] * 4
    assert rows[1][1] == "nobody@example.com"


async def test_too_many_tries_are_refused_before_any_hashing(api: Any, hashed: list[str]) -> None:
    person = await api.person()
    for email in (person.email, "nobody@example.com"):
        hashed.clear()
        for _ in range(10):
            answer = await api.sign_in(person, email=email, password="not this password")
            assert answer.status_code == 401
        assert len(hashed) == 10
        right = await api.sign_in(person, email=email)
        assert (right.status_code, right.json["code"]) == (429, "too_many_attempts")
        assert right.headers["retry-after"] == "901"
        assert len(hashed) == 10
    api.clock.advance(timedelta(minutes=15))
    assert (await api.sign_in(person)).status_code == 200


async def test_tries_are_counted_by_address_too(api: Any, hashed: list[str]) -> None:
    for number in range(30):
        body = {"email": f"u{number}@example.com", "password": "not this password"}
        await api.rows(
            "INSERT INTO login_attempts (action, subject, at) VALUES"
            " ('sign-in address', '127.0.0.1', %s) RETURNING 1", api.clock.now(),
        ) if number else None  # fmt: skip
    answer = await api.ask("POST", "/api/v1/auth/login", body)
    assert answer.status_code == 401
    answer = await api.ask("POST", "/api/v1/auth/login", body)
    assert answer.status_code == 429
    assert len(hashed) == 1
    elsewhere = await api.conductor.simulate_request(
        "POST", "/api/v1/auth/login", json=body, remote_addr="192.0.2.7"
    )
    assert elsewhere.status_code == 401


async def test_the_right_credentials_begin_the_count_anew(api: Any) -> None:
    person = await api.person()
    for _ in range(2):
        for _ in range(9):
            await api.sign_in(person, password="not this password")
        assert (await api.sign_in(person)).status_code == 200


async def sign_in_from(api: Any, address: str, email: str, **body: Any) -> int:
    given = {"email": email, "password": PASSWORD, **body}
    answer = await api.conductor.simulate_request(
        "POST", "/api/v1/auth/login", json=given, remote_addr=address
    )
    return int(answer.status_code)


async def counted(api: Any) -> list[tuple[str, int]]:
    return list(
        await api.rows(
            "SELECT action, count(*) FROM login_attempts GROUP BY action ORDER BY action"
        )
    )


async def test_a_stranger_locks_nobody_out(api: Any) -> None:
    person = await api.person()
    wrong = {"email": person.email, "password": "not this password"}
    for _ in range(10):
        assert await sign_in_from(api, "192.0.2.7", **wrong) == 401
    assert await sign_in_from(api, "192.0.2.7", person.email) == 429
    assert await sign_in_from(api, "192.0.2.8", person.email) == 200


async def test_strangers_of_many_networks_lock_out_strangers_only(api: Any) -> None:
    person = await api.person()
    assert await sign_in_from(api, "2001:db8:1:2::1", person.email) == 200
    assert await counted(api) == []
    await api.rows(
        """INSERT INTO login_attempts (action, subject, at)
           SELECT 'sign-in email', %s, %s FROM generate_series(1, 99) RETURNING 1""",
        person.email, api.clock.now(),
    )  # fmt: skip
    wrong = {"email": person.email, "password": "not this password"}
    assert await sign_in_from(api, "192.0.2.7", **wrong) == 401
    assert await sign_in_from(api, "192.0.2.8", person.email) == 429
    assert await sign_in_from(api, "2001:db8:1:2::99", person.email) == 200, "it was here before"
    api.clock.advance(timedelta(minutes=15))
    assert await sign_in_from(api, "192.0.2.8", person.email) == 200


async def test_sign_ins_that_succeed_cost_their_network_nothing(api: Any) -> None:
    people = [await api.person("viewer") for _ in range(3)]
    await api.rows(
        """INSERT INTO login_attempts (action, subject, at)
           SELECT 'sign-in address', '127.0.0.1', %s FROM generate_series(1, 29) RETURNING 1""",
        api.clock.now(),
    )
    before = await counted(api)
    assert [(await api.sign_in(person)).status_code for person in people] == [200] * 3
    assert await counted(api) == before


async def test_a_password_is_asked_for_again_ten_times_at_most(api: Any) -> None:
    person = await api.person()
    body = {"current": "not this password", "new": "another long phrase"}
    answers = [await api.by(person, "POST", "/api/v1/auth/password", body) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"email": "ada", "password": "x"},
        {"email": "ada@example.com", "password": "x" * 257},
        {"email": "ada@example.com", "password": "x", "code": "1" * 41},
        {"email": "ada@example.com", "password": "x", "extra": 1},
        {"email": "a\u0000da@example.com", "password": "x"},
        {"email": ["ada@example.com"], "password": "x"},
        {"email": "ada@example.com", "password": "\ud800"},
        {"email": "ada@example.com", "password": "x", "code": "\udfff"},
    ],
)
async def test_bad_bodies(api: Any, body: Any) -> None:
    answer = await api.ask("POST", "/api/v1/auth/login", body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


async def test_no_secret_reaches_the_log(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    person = await api.person()
    await api.sign_in(person)
    await api.sign_in(person, password="wrong and never logged")
    body = {"refreshToken": person.refresh}
    await api.ask("POST", "/api/v1/auth/refresh", body)
    printed = capsys.readouterr().out
    assert "request_answered" in printed
    for text in (person.password, "wrong and never logged", person.access, person.refresh):
        assert text not in printed
