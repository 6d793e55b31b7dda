"""Licenses, keys and tokens over HTTP, verified as a tenant verifies them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from iotistic_billing.keys import verify
from iotistic_billing.security import api_key_for
from iotistic_contract.license import LicenseState, license_status
from iotistic_pki.errors import TokenRefused
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import (
    KeySet,
    Purpose,
    seed_keys,
    verify_license,
    verify_revocations,
    verify_service_token,
    verify_signed_jwks,
)

pytestmark = pytest.mark.real


@pytest.fixture
def own_keys(signing_keys, tmp_path):
    return Path(shutil.copytree(signing_keys, tmp_path / "license-keys"))


@pytest.fixture
def own_store(own_keys, small_keys, request):
    store = KeyStore(own_keys, small_keys)
    if "billing" in request.fixturenames:
        request.getfixturevalue("billing").built.parts.licensing._keys = store
    return store


def own_key(billing, customer):
    return api_key_for(
        billing.settings.api_key_seed.get_secret_value().encode(), customer["id"]
    ).text


async def held_keys(billing):
    document = (await billing.call("GET", "/.well-known/jwks.json", token=None)).json
    return KeySet.from_mapping({**document, "seq": 0})


async def test_a_tenant_fetches_its_license_with_its_own_key_and_verifies_it(billing):
    customer, other = await billing.customer("acme"), await billing.customer("other")
    token = own_key(billing, customer)

    answer = await billing.call("GET", f"/api/licenses/{customer['id']}", token=token)
    again = await billing.call("GET", f"/api/licenses/{customer['id']}", token=token)
    foreign = await billing.call("GET", f"/api/licenses/{other['id']}", token=token)

    assert answer.json == again.json
    keys, now = await held_keys(billing), billing.clock.now()
    found = verify_license(answer.json["token"], keys, customer["id"], now)
    assert (found.plan, found.limits.max_devices) == ("professional", 50)
    assert license_status(found, now).state is LicenseState.VALID
    assert foreign.status_code == 403
    with pytest.raises(TokenRefused):
        verify_license(answer.json["token"], keys, other["id"], now)


async def test_a_plan_makes_a_new_license_and_a_deployed_tenant_follows(billing):
    customer = await billing.customer("acme", "starter")
    path = f"/api/customers/{customer['id']}"
    first = (await billing.call("GET", f"/api/licenses/{customer['id']}")).json
    await billing.call("POST", f"{path}/deploy", {})

    shown = (await billing.call("PUT", f"{path}/plan", {"plan": "enterprise"})).json
    second = (await billing.call("GET", f"/api/licenses/{customer['id']}")).json

    assert shown["plan"] == second["plan"] == "enterprise"
    assert second["issued_at"] > first["issued_at"]
    jobs = (await billing.call("GET", "/api/admin/jobs")).json["items"]
    assert [(job["kind"], job["status"]) for job in jobs] == [("deploy", "queued")]


async def test_a_period_that_begins_brings_a_new_license(billing):
    customer = await billing.customer()
    billing.clock.advance(timedelta(days=365))

    renewed = await billing.built.parts.licensing.renew_due()
    again = await billing.built.parts.licensing.renew_due()

    assert (renewed, again) == ([customer["id"]], [])
    stored = (await billing.call("GET", f"/api/licenses/{customer['id']}")).json
    assert (stored["reason"], stored["expires_at"]) == ("period", "2028-01-29T10:30:00Z")


async def test_what_is_revoked_stands_on_the_list_until_something_changes(billing):
    customer = await billing.customer()
    path = f"/api/licenses/{customer['id']}"
    token = (await billing.call("GET", path)).json["token"]
    before = (await billing.call("GET", "/api/licenses/revocations", token=None)).text

    revoked = (await billing.call("POST", f"{path}/revoke", {"reason": "fraud"})).json["revoked"]
    answer = await billing.call("GET", "/api/licenses/revocations", token=None)

    keys = await held_keys(billing)
    old, new = (verify_revocations(text, keys, 0) for text in (before, answer.text))
    assert answer.headers["Content-Type"] == "application/jwt"
    assert (old.jtis, new.jtis, new.seq) == (frozenset(), frozenset(revoked), old.seq + 1)
    checked = await billing.call("POST", "/api/licenses/verify", {"token": token})
    assert (checked.json["valid"], checked.json["state"]) == (True, "revoked")
    await billing.customer(plan="enterprise")
    fresh = (await billing.call("GET", path)).json
    assert fresh["revoked_at"] is None
    found = verify_license(fresh["token"], keys, customer["id"], billing.clock.now())
    assert found.rev_seq == new.seq
    billing.clock.advance(timedelta(days=379 + 31))
    last = await billing.call("GET", "/api/licenses/revocations", token=None)
    assert verify_revocations(last.text, keys, 0).jtis == frozenset()


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 17000], ids=len)
async def test_a_token_that_is_none_is_told_why(billing, token):
    answer = await billing.call("POST", "/api/licenses/verify", {"token": token})

    if answer.status_code == 200:
        assert (answer.json["valid"], answer.json["claims"]) == (False, None)
        assert answer.json["reason"]
    else:
        assert answer.status_code == 422


async def test_a_customer_verifies_its_own_license_only(billing):
    customer, other = await billing.customer("acme"), await billing.customer("other")
    token = (await billing.call("GET", f"/api/licenses/{customer['id']}")).json["token"]

    async def status(who):
        body = {"token": token}
        answer = await billing.call(
            "POST", "/api/licenses/verify", body, token=own_key(billing, who)
        )
        return answer.status_code

    assert (await status(customer), await status(other)) == (200, 403)


async def test_the_signed_set_and_the_public_key(billing):
    path, jose = "/.well-known/jwks.json", {"Accept": "application/jose+json"}
    signed = (await billing.call("GET", path, token=None, headers=jose)).json
    public = (await billing.call("GET", "/api/licenses/public-key", token=None)).json

    taken = verify_signed_jwks(seed_keys(public["public_key"]), signed)

    assert {key.purpose for key in taken.keys} == {Purpose.LICENSE, Purpose.SERVICE}
    assert taken.find(public["kid"], Purpose.LICENSE)


async def test_a_service_token_is_for_one_tenant_and_written_down(billing):
    customer = await billing.customer()
    path = f"/api/customers/{customer['id']}/service-tokens"
    body = {"scope": "read target-states", "reason": "a run of site.yml"}

    answer = await billing.call("POST", path, body)
    bad = await billing.call("POST", path, {"scope": "read everything", "reason": "curious"})

    found = verify_service_token(
        answer.json["token"], await held_keys(billing), customer["id"], billing.clock.now()
    )
    assert (found.sub, found.scope) == ("admin", {"read", "target-states"})
    assert (bad.status_code, bad.json["errors"][0]["pointer"]) == (422, "/scope")
    async with billing.built.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT actor, customer_id, facts->>'reason' FROM audit_log"
            " WHERE action = 'service_token_issued'"
        )
        assert await cursor.fetchall() == [("admin", customer["id"], "a run of site.yml")]


async def test_a_stolen_key_has_its_licenses_made_anew_and_no_others(billing, own_store, now):
    customer = await billing.customer()
    path = f"/api/licenses/{customer['id']}"
    licensing = billing.built.parts.licensing

    by_stolen = (await billing.call("GET", path)).json
    own_store.rotate(Purpose.LICENSE, now, compromised=True)
    made = await licensing.replace_unlisted(customer["id"])
    by_next = (await billing.call("GET", path)).json
    own_store.rotate(Purpose.LICENSE, now)
    kept = await licensing.replace_unlisted(customer["id"])

    assert (made, kept) == (True, False)
    assert by_next["jti"] != by_stolen["jti"]
    keys = own_store.key_set()
    assert verify_license(by_next["token"], keys, customer["id"], now)
    with pytest.raises(TokenRefused):
        verify_license(by_stolen["token"], keys, customer["id"], now)


def test_verify_finds_a_private_key_under_a_wrong_name(own_keys, small_keys):
    assert verify(KeyStore(own_keys, small_keys)) == []
    slots = KeyStore(own_keys).slots(Purpose.LICENSE)
    (own_keys / f"{slots.next}.pem").replace(own_keys / f"{slots.current}.pem")

    assert [fault.partition(":")[0] for fault in verify(KeyStore(own_keys))] == ["license"]
