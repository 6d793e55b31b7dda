"""The second factor: on, asked for, used once, off."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

pytestmark = pytest.mark.real
TOTP_ROUTE = "/api/v1/auth/totp"


def code_at(secret: str, at: Any) -> str:
    generator = TOTP(base64.b32decode(secret), 6, SHA1(), 30)  # noqa: S303 - RFC 6238
    return generator.generate(at.timestamp()).decode()


async def turned_on(api: Any, person: Any) -> tuple[str, list[str]]:
    """Return secret and recovery codes; the time is then past the code that was used."""
    offer = await api.by(person, "POST", TOTP_ROUTE, {"password": person.password})
    assert offer.status_code == 200, offer.text
    secret = offer.json["secret"]
    code = code_at(secret, api.clock.now())
    on = await api.by(person, "POST", f"{TOTP_ROUTE}/confirm", {"code": code})
    assert on.status_code == 200, on.text
    api.clock.advance(timedelta(seconds=60))
    return secret, on.json["recoveryCodes"]


async def test_sign_in_takes_both(api: Any) -> None:
    person = await api.person()
    secret, codes = await turned_on(api, person)
    assert len(set(codes)) == 8
    missing = await api.sign_in(person)
    assert (missing.status_code, missing.json["code"]) == (401, "second_factor_required")
    wrong = await api.sign_in(person, code="000000")
    assert (wrong.status_code, wrong.json["code"]) == (401, "bad_second_factor")
    both = await api.sign_in(
        person, password="not this password", code=code_at(secret, api.clock.now())
    )
    assert (both.status_code, both.json["code"]) == (401, "bad_credentials")
    answer = await api.sign_in(person, code=code_at(secret, api.clock.now()))
    assert (answer.status_code, answer.json["user"]["twoFactor"]) == (200, True)
    rows = await api.rows("SELECT action FROM audit_log ORDER BY id")
    assert [row[0] for row in rows] == [
        "second_factor_on", "second_factor_refused", "sign_in_refused", "signed_in",
    ]  # fmt: skip


async def test_a_code_is_good_once(api: Any) -> None:
    person = await api.person()
    secret, _ = await turned_on(api, person)
    now = api.clock.now()
    current, before = code_at(secret, now), code_at(secret, now - timedelta(seconds=30))
    assert (await api.sign_in(person, code=current)).status_code == 200
    for used in (current, before):
        again = await api.sign_in(person, code=used)
        assert (again.status_code, again.json["code"]) == (401, "bad_second_factor")
    following = code_at(secret, now + timedelta(seconds=30))
    assert (await api.sign_in(person, code=following)).status_code == 200


async def test_a_recovery_code_is_good_once(api: Any) -> None:
    person = await api.person()
    _, codes = await turned_on(api, person)
    assert (await api.sign_in(person, code=codes[0].lower())).status_code == 200
    me = (await api.by(person, "GET", "/api/v1/auth/me")).json
    assert me["recoveryCodesLeft"] == 7
    assert (await api.sign_in(person, code=codes[0])).json["code"] == "bad_second_factor"
    assert (
        await api.rows("SELECT count(*) FROM audit_log WHERE action = 'recovery_code_used'")
    ) == [(1,)]


async def test_turning_it_on_takes_the_password_and_a_code(api: Any) -> None:
    person = await api.person()
    wrong = await api.by(person, "POST", TOTP_ROUTE, {"password": "not this password"})
    assert (wrong.status_code, wrong.json["code"]) == (403, "wrong_password")
    early = await api.by(person, "POST", f"{TOTP_ROUTE}/confirm", {"code": "123456"})
    assert (early.status_code, early.json["code"]) == (409, "conflict")
    offer = (await api.by(person, "POST", TOTP_ROUTE, {"password": person.password})).json
    uri = urlsplit(offer["otpauthUri"])
    assert (uri.scheme, uri.netloc, parse_qs(uri.query)["secret"]) == (
        "otpauth", "totp", [offer["secret"]],
    )  # fmt: skip
    unconfirmed = await api.by(person, "POST", f"{TOTP_ROUTE}/confirm", {"code": "000000"})
    assert (unconfirmed.status_code, unconfirmed.json["code"]) == (403, "wrong_code")
    assert (await api.sign_in(person)).status_code == 200, "nothing is on before a code was shown"


async def test_turning_it_off_takes_both(api: Any) -> None:
    person = await api.person()
    secret, codes = await turned_on(api, person)
    again = await api.by(person, "POST", TOTP_ROUTE, {"password": person.password})
    assert again.status_code == 409
    code = code_at(secret, api.clock.now())
    for body, word in (
        ({"password": "not this password", "code": code}, "wrong_password"),
        ({"password": person.password, "code": "000000"}, "wrong_code"),
    ):
        refused = await api.by(person, "POST", f"{TOTP_ROUTE}/remove", body)
        assert (refused.status_code, refused.json["code"]) == (403, word)
    body = {"password": person.password, "code": codes[3]}
    assert (await api.by(person, "POST", f"{TOTP_ROUTE}/remove", body)).status_code == 204
    assert (await api.sign_in(person)).status_code == 200
    assert (await api.by(person, "POST", f"{TOTP_ROUTE}/remove", body)).status_code == 409


async def test_the_first_step_of_a_sign_in_costs_no_try(api: Any) -> None:
    person = await api.person()
    secret, _ = await turned_on(api, person)
    for _ in range(11):
        assert (await api.sign_in(person)).json["code"] == "second_factor_required"
    assert await api.rows("SELECT 1 FROM login_attempts WHERE starts_with(action, 'sign-in')") == []
    answer = await api.sign_in(person, code=code_at(secret, api.clock.now()))
    assert answer.status_code == 200


async def test_codes_are_tried_ten_times_from_wherever(api: Any) -> None:
    person = await api.person()
    secret, _ = await turned_on(api, person)

    async def code(number: int, text: str) -> int:
        body = {"email": person.email, "password": person.password, "code": text}
        answer = await api.conductor.simulate_request(
            "POST", "/api/v1/auth/login", json=body, remote_addr=f"192.0.2.{number}"
        )
        return int(answer.status_code)

    assert [await code(number, "000000") for number in range(11)] == [401] * 10 + [429]
    assert await code(99, code_at(secret, api.clock.now())) == 429
    api.clock.advance(timedelta(minutes=15))
    assert await code(99, code_at(secret, api.clock.now())) == 200


async def test_an_offer_is_tried_ten_times(api: Any) -> None:
    person = await api.person()
    offer = await api.by(person, "POST", TOTP_ROUTE, {"password": person.password})
    statuses = [
        (await api.by(person, "POST", f"{TOTP_ROUTE}/confirm", {"code": text})).status_code
        for text in ["000000"] * 10 + [code_at(offer.json["secret"], api.clock.now())]
    ]
    assert statuses == [403] * 10 + [429]
    assert not (await api.by(person, "GET", "/api/v1/auth/me")).json["twoFactor"]


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 409)])
async def test_an_offer_lapses_after_ten_minutes(api: Any, seconds: int, status: int) -> None:
    person = await api.person()
    offer = await api.by(person, "POST", TOTP_ROUTE, {"password": person.password})
    api.clock.advance(timedelta(seconds=seconds))
    body = {"code": code_at(offer.json["secret"], api.clock.now())}
    answer = await api.by(person, "POST", f"{TOTP_ROUTE}/confirm", body)
    assert answer.status_code == status


async def test_secret_and_codes_are_not_stored_in_the_clear(api: Any) -> None:
    person = await api.person()
    secret, codes = await turned_on(api, person)
    stored = str(await api.rows("SELECT u::text FROM users u")).lower()
    assert base64.b32decode(secret).hex() not in stored
    for text in (secret, *codes, person.password):
        assert text.lower() not in stored
