"""Registration by the rules of the wire: codes, challenges, keys, tries, limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iotistic_contract.codec import b64u_encode, format_time
from iotistic_contract.provisioning import ApiKey, ProvisioningString
from iotistic_pki.keys import KeyKind, new_key
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = pytest.mark.real

REGISTER = "/api/provisioning/v2/register"
EXCHANGE = "/api/provisioning/v2/key-exchange"


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


async def prepared(api: Any, device: MemoryDevice, key: str) -> dict[str, Any]:
    request = device.registration_request(await api.challenge(device, key), key)
    return device.body(request)


async def test_the_answer_has_all_that_a_device_needs(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    answer = (await api.register(device, key)).json
    assert answer["mqtt"]["username"] == device.uuid
    assert answer["mqtt"]["brokerConfig"]["protocol"] == "mqtts"
    assert answer["mqtt"]["topics"]["update"] == f"agent/{device.uuid}/update"
    assert answer["api"]["endpoint"] == "https://127.77.6.2:3002"
    assert answer["targetStateUrl"].endswith(f"/api/v1/device/{device.uuid}/state")
    assert answer["vpn"] is None
    assert answer["customerId"] == api.worker.settings.customer_id
    assert [jwk["kty"] for jwk in answer["orderPublicKeys"]] == ["OKP"]
    assert answer["api"]["tlsConfig"]["caCert"] == (await api.ask("GET", "/ca.pem")).text


async def test_phase_1_answers_alike_for_every_key_id(api: Any) -> None:
    device = MemoryDevice()
    known = ProvisioningString.parse(await api.provisioning_key()).key_id
    for key_id in (known, "never-made"):
        answer = await api.ask("POST", EXCHANGE, device.key_exchange(key_id))
        assert sorted(answer.json) == ["apiPublicKey", "challenge", "keyId"]
    body = device.key_exchange(known) | {"devicePublicKey": None}
    assert "challenge" not in (await api.ask("POST", EXCHANGE, body)).json


async def test_a_secret_in_phase_1_is_refused_and_counted_as_leaked(api: Any) -> None:
    string = ProvisioningString.parse(await api.provisioning_key())
    answer = await api.ask("POST", EXCHANGE, MemoryDevice().key_exchange(str(string.key)))
    assert said(answer) == (422, "invalid")
    assert string.secret not in answer.text
    assert await api.rows("SELECT id, leaked FROM provisioning_keys") == [(string.key_id, 1)]


async def test_other_kinds_of_device_key_are_refused(api: Any) -> None:
    device = MemoryDevice(key=new_key(KeyKind.P256))
    assert said(await api.ask("POST", EXCHANGE, device.key_exchange("k"))) == (422, "key_type")


async def test_an_rsa_device_registers(api: Any) -> None:
    device = MemoryDevice(key=new_key(KeyKind.RSA_2048))
    assert (await api.register(device, await api.provisioning_key())).status_code == 200


@pytest.mark.parametrize("name", ["keyId", "challenge", "signature", "encryptedPayload"])
@pytest.mark.parametrize("value", [None, ""])
async def test_a_missing_part_of_the_proof(api: Any, name: str, value: Any) -> None:
    body = await prepared(api, MemoryDevice(), await api.provisioning_key())
    answer = await api.ask("POST", REGISTER, body | {name: value})
    assert said(answer) == (422, "proof_required")
    assert answer.json["errors"][0]["pointer"] == f"/{name}"


async def test_a_challenge_is_good_once_and_for_five_minutes(api: Any) -> None:
    device, key = MemoryDevice(), await api.provisioning_key()
    body = await prepared(api, device, key)
    assert (await api.ask("POST", REGISTER, body)).status_code == 200
    assert said(await api.ask("POST", REGISTER, body)) == (410, "challenge_used")
    body = await prepared(api, device, key)
    api.clock.advance(timedelta(minutes=5))
    assert said(await api.ask("POST", REGISTER, body)) == (410, "challenge_expired")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda body: {"keyId": b64u_encode(bytes(32))}, 410, "key_id_unknown"),
        (lambda body: {"challenge": body["challenge"][:-4] + "AAAA"}, 410, "challenge_invalid"),
        (lambda body: {"challenge": body["challenge"] + "="}, 422, "invalid"),
        (lambda body: {"challenge": "A" * 2049}, 422, "invalid"),
        (lambda body: {"signature": b64u_encode(bytes(64))}, 401, "invalid_signature"),
        (
            lambda body: {
                "encryptedPayload": body["encryptedPayload"] | {"nonce": b64u_encode(bytes(12))}
            },
            401,
            "invalid_signature",
        ),
    ],
)
async def test_a_changed_request_is_refused(api: Any, change: Any, status: int, code: str) -> None:
    body = await prepared(api, MemoryDevice(), await api.provisioning_key())
    answer = await api.ask("POST", REGISTER, body | change(body))
    assert said(answer) == (status, code)


async def test_a_challenge_of_another_device_is_no_use(api: Any) -> None:
    device, thief = MemoryDevice(), MemoryDevice()
    key = await api.provisioning_key()
    challenge = await api.challenge(device, key)
    body = thief.body(thief.registration_request(challenge, key))
    assert said(await api.ask("POST", REGISTER, body)) == (401, "invalid_signature")
    impostor = MemoryDevice(uuid=thief.uuid, key=device.key)
    body = impostor.body(impostor.registration_request(challenge, key))
    assert said(await api.ask("POST", REGISTER, body)) == (401, "invalid_signature")


async def test_wrong_secrets_are_counted_and_a_right_one_passes_all_the_same(api: Any) -> None:
    string = await api.provisioning_key(maxDevices=2)
    parsed = ProvisioningString.parse(string)
    wrong = str(replace(parsed, secret=b64u_encode(bytes(32))))
    answers = [said(await api.register(MemoryDevice(), wrong)) for _ in range(6)]
    assert answers == [(401, "invalid_provisioning_key")] * 5 + [(429, "too_many_attempts")]
    limited = await api.register(MemoryDevice(), wrong)
    assert 1 <= int(limited.headers["retry-after"]) <= 15 * 60 + 1
    assert (await api.register(MemoryDevice(), string)).status_code == 200
    api.clock.advance(timedelta(minutes=15))
    assert said(await api.register(MemoryDevice(), wrong))[0] == 401


async def test_an_unknown_key_counts_by_address(api: Any) -> None:
    def string(number: int) -> str:
        key = ApiKey(prefix="iotp1", id=f"none-{number}", secret=b64u_encode(bytes(32)))
        return f"{key}@127.77.6.2"

    answers = [said(await api.register(MemoryDevice(), string(n)))[0] for n in range(7)]
    assert answers == [401] * 5 + [429] * 2


async def test_a_key_counts_each_device_once_also_when_many_come_at_once(api: Any) -> None:
    key = await api.provisioning_key(maxDevices=3)
    devices = [MemoryDevice() for _ in range(6)]
    answers = await asyncio.gather(*(api.register(device, key) for device in devices))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 3 + [403] * 3
    refused = next(answer for answer in answers if answer.status_code == 403)
    assert {name: refused.json[name] for name in ("code", "limit", "used", "of")} == {
        "code": "limit_reached", "limit": 3, "used": 3, "of": "key",
    }  # fmt: skip
    again = next(device for device in devices if device.api_key)
    assert (await api.register(again, key)).status_code == 200


async def test_a_stranger_cannot_take_a_known_uuid(api: Any) -> None:
    device = await api.registered()
    key = await api.provisioning_key()
    stranger = MemoryDevice(uuid=device.uuid)
    assert said(await api.register(stranger, key)) == (409, "already_registered")
    assert (await api.poll(device)).status_code == 200


async def test_two_strangers_at_once_get_one_uuid_once(api: Any) -> None:
    key = await api.provisioning_key(maxDevices=2)
    first = MemoryDevice()
    rivals = [first, MemoryDevice(uuid=first.uuid)]
    answers = await asyncio.gather(*(api.register(device, key) for device in rivals))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_bound_key_is_for_its_device_only(api: Any) -> None:
    device = MemoryDevice()
    key = await api.provisioning_key(deviceUuid=device.uuid)
    assert said(await api.register(MemoryDevice(), key)) == (403, "key_bound")
    assert (await api.register(device, key)).status_code == 200


async def test_an_expired_or_revoked_key(api: Any) -> None:
    device = MemoryDevice()
    soon = format_time(api.clock.now() + timedelta(minutes=1))
    key = await api.provisioning_key(expiresAt=soon)
    assert (await api.register(device, key)).status_code == 200
    api.clock.advance(timedelta(minutes=2))
    for _ in range(7):
        assert said(await api.register(MemoryDevice(), key)) == (401, "invalid_provisioning_key")
    assert (await api.register(device, key)).status_code == 200, "the key on record decides"
    key_id = ProvisioningString.parse(key).key_id
    assert (await api.call("DELETE", f"/api/provisioning-keys/{key_id}")).status_code == 204
    assert said(await api.register(device, key)) == (401, "invalid_provisioning_key")


async def test_a_described_device_takes_a_key_of_its_fleet(api: Any) -> None:
    device = MemoryDevice()
    described = {"uuid": device.uuid, "name": "lamp", "fleet": "north"}
    assert (await api.call("POST", "/api/v1/devices", described)).status_code == 201
    other = await api.provisioning_key(fleet="south")
    assert said(await api.register(device, other)) == (409, "other_fleet")
    assert (
        await api.register(device, await api.provisioning_key(fleet="north"))
    ).status_code == 200


async def test_an_unknown_device_joins_its_keys_fleet(api: Any) -> None:
    device = await api.registered(fleet="north")
    view = (await api.call("GET", f"/api/v1/devices/{device.uuid}")).json
    assert (view["fleet"], view["registered"], view["name"]) == ("north", True, "lamp")


async def test_a_window_lets_a_new_key_in_once(api: Any) -> None:
    device, key = await api.registered(), await api.provisioning_key(maxDevices=3)
    path = f"/api/v1/devices/{device.uuid}"
    too_long = format_time(api.clock.now() + timedelta(hours=25))
    assert said(await api.call("PATCH", path, {"reregisterUntil": too_long})) == (422, "invalid")
    until = format_time(api.clock.now() + timedelta(hours=1))
    assert (await api.call("PATCH", path, {"reregisterUntil": until})).status_code == 200
    successor = MemoryDevice(uuid=device.uuid)
    assert (await api.register(successor, key)).status_code == 200
    third = MemoryDevice(uuid=device.uuid)
    assert said(await api.register(third, key)) == (409, "already_registered")
    assert (await api.poll(device)).status_code == 200
    assert (await api.poll(successor)).status_code == 200
    await api.heard()
    assert (await api.poll(device)).status_code == 401
    actions = await api.rows("SELECT action FROM audit_log WHERE subject = %s", device.uuid)
    assert ("device_changed",) in actions


async def test_a_removed_device_is_not_let_in_again_until_it_is_described(api: Any) -> None:
    device, key = await api.registered(), await api.provisioning_key(maxDevices=2)
    await api.call("DELETE", f"/api/v1/devices/{device.uuid}")
    await api.heard()
    assert (await api.poll(device)).status_code == 401
    assert said(await api.register(device, key)) == (403, "device_revoked")
    body = {"uuid": device.uuid, "name": "again"}
    assert (await api.call("POST", "/api/v1/devices", body)).status_code == 201
    assert (await api.register(device, key)).status_code == 200


async def test_key_work_is_limited_by_address(api: Any) -> None:
    await api.rows(
        """INSERT INTO provisioning_work VALUES ('127.0.0.1', %s, 120) RETURNING 1""",
        api.clock.now().replace(second=0, microsecond=0),
    )
    answer = await api.register(MemoryDevice(), await api.provisioning_key())
    assert said(answer) == (429, "too_many_attempts")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_body_over_64_kib_is_too_large(api: Any) -> None:
    answer = await api.ask("POST", REGISTER, {"x": "y" * 65536})
    assert said(answer) == (413, "too_large")


class TestPlans:
    """On the starter plan five devices are included."""

    @pytest.fixture
    def plan(self) -> str:
        return "starter"

    async def test_the_sixth_device_is_refused(self, api: Any) -> None:
        key = await api.provisioning_key(maxDevices=10)
        devices = [MemoryDevice() for _ in range(8)]
        answers = await asyncio.gather(*(api.register(device, key) for device in devices))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [403] * 3
        refused = next(answer for answer in answers if answer.status_code == 403)
        assert {name: refused.json[name] for name in ("code", "limit", "used", "of")} == {
            "code": "limit_reached", "limit": 5, "used": 5, "of": "plan",
        }  # fmt: skip
        used = await api.rows("SELECT used FROM provisioning_keys")
        assert used == [(5,)], "a refused registration takes no place"
        known = next(device for device in devices if device.api_key)
        assert (await api.register(known, key)).status_code == 200
