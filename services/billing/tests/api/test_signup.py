"""The public sign-up and the sessions of those who signed up, on a real database."""

import asyncio
import hashlib
from datetime import timedelta

import pytest

from iotistic_billing.security import fingerprint
from iotistic_billing.usecases.passwords import Passwords
from iotistic_contract.codec import canonical

pytestmark = pytest.mark.real

FORM = {
    "email": "Owner@Acme.Example",
    "password": "correct horse battery",
    "company_name": "Acme Pumps",
    "full_name": "A. Owner",
}
PATH = "/api/customers/signup"


async def sign_up(billing, key=None, **changes):
    headers = {"Idempotency-Key": key} if key else {}
    return await billing.call("POST", PATH, FORM | changes, token=None, headers=headers)


@pytest.fixture
def quick(billing, hasher):
    """Billing with quick hashes, and little patience with who waits for one."""
    billing.built.parts.accounts._passwords = Passwords(hasher, "nobody's", wait=0.2)
    return billing


async def login(billing, email=FORM["email"], password="wrong wrong wrong", **more):
    body = {"email": email, "password": password}
    return await billing.call("POST", "/api/customers/login", body, token=None, **more)


async def count(billing, sql):
    async with billing.built.database.connection() as connection:
        return (await (await connection.execute(sql)).fetchone())[0]


async def test_a_trial_with_license_and_job(billing):
    answer = await sign_up(billing)

    assert answer.status_code == 201
    customer, deployment = answer.json["customer"], answer.json["deployment"]
    assert customer["email"] == "owner@acme.example"
    assert (customer["plan"], customer["plan_source"]) == ("starter", "trial")
    assert customer["trial_ends_at"] == "2026-01-29T10:30:00Z"
    assert customer["status"] == "provisioning"
    assert deployment == {
        "status": "queued",
        "job_id": customer["deployment"]["job_id"],
        "instance_url": "https://127.77.7.16:3002",
        "check_status_url": f"https://billing.example/api/customers/{customer['id']}/deployment",
    }
    license_ = (await billing.call("GET", f"/api/licenses/{customer['id']}")).json
    assert license_["expires_at"] == "2026-02-12T10:30:00Z"
    assert FORM["password"] not in answer.text


@pytest.mark.parametrize("billing", [{"email_verification": True}], indirect=True)
async def test_nothing_deploys_before_the_address_is_verified(billing):
    answer = await sign_up(billing)

    assert (answer.status_code, answer.json["deployment"]) == (201, None)
    assert answer.json["customer"]["status"] == "pending"
    path = f"/api/customers/{answer.json['customer']['id']}/deploy"
    assert (await billing.call("POST", path, {})).status_code == 409
    assert await count(billing, "SELECT count(*) FROM work WHERE kind <> 'mail'") == 0


@pytest.mark.parametrize(
    "billing", [{"email_verification": True, "pending_trials": 1}], indirect=True
)
async def test_only_so_many_trials_wait_to_be_verified(billing):
    await sign_up(billing)

    answer = await sign_up(billing, email="other@acme.example")

    assert (answer.status_code, answer.json["code"]) == (429, "too_many_attempts")


async def test_an_address_signs_up_once_however_it_is_written(billing):
    await sign_up(billing)

    again = await sign_up(billing, email=" owner@ACME.example ")

    assert (again.status_code, again.json["code"]) == (409, "conflict")
    assert await count(billing, "SELECT count(*) FROM customers") == 1


async def test_five_an_hour_and_address(billing):
    codes = [(await sign_up(billing, email=f"o{n}@acme.example")).status_code for n in range(6)]
    refused = await sign_up(billing, email="o7@acme.example")
    billing.clock.advance(timedelta(hours=1, seconds=1))

    assert codes == [201] * 5 + [429]
    assert 0 < int(refused.headers["Retry-After"]) <= 3601
    assert (await sign_up(billing, email="o8@acme.example")).status_code == 201


async def test_a_repetition_under_one_key_makes_one_customer(billing):
    first = await sign_up(billing, key="k1")
    again = await sign_up(billing, key="k1")
    other = await sign_up(billing, key="k1", company_name="Other")

    assert again.status_code == first.status_code == 201
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json["code"]) == (422, "invalid")
    assert await count(billing, "SELECT count(*) FROM customers") == 1
    assert await count(billing, "SELECT count(*) FROM work") == 1


async def test_repetitions_are_counted_too(billing):
    codes = [(await sign_up(billing, key="k1")).status_code for _ in range(6)]

    assert codes == [201] * 5 + [429]


async def test_what_is_kept_of_a_form_does_not_help_guessing_its_password(billing):
    await sign_up(billing, key="k1")

    kept = bytes(await count(billing, "SELECT body_hash FROM idempotency_keys"))

    typed = ("owner@acme.example", FORM["password"], FORM["company_name"], FORM["full_name"])
    seed = billing.settings.api_key_seed.get_secret_value().encode()
    assert kept == fingerprint(seed, typed)
    assert kept != hashlib.sha256(canonical(list(typed))).digest()
    assert kept != fingerprint(b"another" * 8, typed)


async def test_one_key_many_times_at_once_makes_one_customer(billing):
    answers = await asyncio.gather(*(sign_up(billing, key="k1") for _ in range(4)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["customer"]["id"] for answer in answers}) == 1
    assert await count(billing, "SELECT count(*) FROM customers") == 1


async def test_a_key_is_forgotten_after_a_day_and_a_failed_request_does_not_use_it(billing):
    await sign_up(billing, email="other@acme.example")
    refused = await sign_up(billing, key="k1", email="other@acme.example")
    first = await sign_up(billing, key="k1")
    billing.clock.advance(timedelta(hours=25))
    await billing.built.parts.accounts.forget_old()
    later = await sign_up(billing, key="k1", email="third@acme.example")

    assert [refused.status_code, first.status_code, later.status_code] == [409, 201, 201]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"password": "short"}, "/password"),
        ({"company_name": "  "}, "/company_name"),
        ({"plan": "enterprise"}, "/plan"),
    ],
)
async def test_a_bad_form_is_refused_with_its_place_and_never_repeated(billing, changes, pointer):
    answer = await sign_up(billing, **changes)

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert FORM["password"] not in answer.text


async def test_login_opens_a_session_for_the_own_record_alone(billing):
    own = (await sign_up(billing)).json["customer"]["id"]
    other = (await billing.customer("other"))["id"]
    credentials = {"email": FORM["email"], "password": FORM["password"]}
    answer = await billing.call("POST", "/api/customers/login", credentials, token=None)
    token = answer.json["token"]

    async def status(method, path, body=None):
        return (await billing.call(method, path, body, token=token)).status_code

    assert answer.json["customer_id"] == own
    assert await status("GET", f"/api/customers/{own}") == 200
    assert await status("PATCH", f"/api/customers/{own}", {"company_name": "Acme Valves"}) == 200
    assert await status("GET", f"/api/licenses/{own}") == 200
    assert await status("POST", f"/api/customers/{own}/deploy", {}) == 202
    assert await status("GET", f"/api/customers/{other}") == 403
    assert await status("GET", f"/api/licenses/{other}") == 403
    assert await status("PUT", f"/api/customers/{own}/plan", {"plan": "enterprise"}) == 403
    assert await status("GET", "/api/admin/jobs") == 403
    billing.clock.advance(timedelta(hours=12, seconds=1))
    assert await status("GET", f"/api/customers/{own}") == 401


async def test_wrong_passwords_and_unknown_addresses_answer_alike_and_not_for_long(quick):
    await sign_up(quick)

    first = await login(quick)
    second = await login(quick, email="nobody@acme.example", password=FORM["password"])
    later = [(await login(quick)).status_code for _ in range(10)]

    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert first.status_code == 401
    assert later == [401] * 9 + [429]


async def test_one_account_is_tried_ten_times_however_many_addresses_try(quick):
    await sign_up(quick)
    codes = [(await login(quick, source=f"10.0.0.{n}")).status_code for n in range(10)]
    refused = await login(quick, password=FORM["password"], source="10.0.0.99")
    other = await login(quick, email="nobody@acme.example", source="10.0.0.99")
    quick.clock.advance(timedelta(minutes=15, seconds=1))
    later = await login(quick, password=FORM["password"], source="10.0.0.99")

    assert codes == [401] * 10
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts")
    assert 0 < int(refused.headers["Retry-After"]) <= 901
    assert (other.status_code, later.status_code) == (401, 200)


async def test_one_address_tries_thirty_times_however_many_accounts_it_tries(quick):
    codes = [(await login(quick, email=f"o{n}@acme.example")).status_code for n in range(31)]
    elsewhere = await login(quick, email="o30@acme.example", source="10.0.0.1")

    assert codes == [401] * 30 + [429]
    assert elsewhere.status_code == 401


async def test_who_finds_no_slot_for_a_password_is_told_when_to_come_again(quick, hasher):
    hasher.goes_on.clear()
    first = [asyncio.create_task(sign_up(quick, email=f"o{n}@acme.example")) for n in range(2)]
    for _ in first:
        await asyncio.to_thread(hasher.held.acquire)
    busy = await asyncio.gather(login(quick), sign_up(quick, email="o2@acme.example"))
    counted = [(await login(quick, email="o3@acme.example")).status_code for _ in range(11)]
    hasher.goes_on.set()

    told = {(each.status_code, each.json["code"], each.headers["Retry-After"]) for each in busy}
    assert told == {(503, "unavailable", "1")}
    assert counted == [503] * 10 + [429], "tries are counted before they wait"
    assert [answer.status_code for answer in await asyncio.gather(*first)] == [201, 201]
    assert (await sign_up(quick, email="o4@acme.example")).status_code == 201
