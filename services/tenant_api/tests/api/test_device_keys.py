"""API keys, certificates, credentials and release of a registered device."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from iotistic_contract.codec import b64u_encode
from iotistic_contract.provisioning import rotate_key_signed_bytes, secret_hash
from iotistic_pki.provisioning import sign
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = pytest.mark.real


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


async def rotate(api: Any, device: MemoryDevice, body: Any, key: str | None = None) -> Any:
    headers = {"X-Device-API-Key": key or device.api_key}
    path = f"/api/v1/device/{device.uuid}/rotate-key"
    answer = await api.ask("POST", path, body, headers=headers)
    await api.heard()
    return answer


async def status_with(api: Any, device: MemoryDevice, key: str) -> int:
    answer = await api.ask(
        "GET", f"/api/v1/device/{device.uuid}/state", headers={"Authorization": f"Bearer {key}"}
    )
    await api.heard()
    return int(answer.status_code)


async def test_the_old_secret_lives_until_an_hour_after_the_new_ones_first_use(api: Any) -> None:
    device = await api.registered()
    old = device.api_key
    new, body = device.rotation()
    assert (await rotate(api, device, body)).status_code == 204
    assert (await rotate(api, device, body)).status_code == 204, "repeatable"
    api.clock.advance(timedelta(days=8))
    assert await status_with(api, device, old) == 200, "unconfirmed: never cut"
    assert await status_with(api, device, new) == 200
    assert (await rotate(api, device, body)).status_code == 204, "the current one repeats"
    api.clock.advance(timedelta(minutes=59))
    assert await status_with(api, device, old) == 200
    api.clock.advance(timedelta(minutes=1))
    assert await status_with(api, device, old) == 401
    assert await status_with(api, device, new) == 200


async def test_a_second_rotation_voids_an_unused_first(api: Any) -> None:
    device = await api.registered()
    first, first_body = device.rotation()
    second, second_body = device.rotation()
    await rotate(api, device, first_body)
    await rotate(api, device, second_body)
    assert await status_with(api, device, first) == 401
    assert said(await rotate(api, device, first_body)) == (409, "key_hash_used")
    assert await status_with(api, device, second) == 200


async def test_what_was_replaced_is_never_taken_again(api: Any) -> None:
    device = await api.registered()
    original = device.api_key
    for _ in range(2):
        new, body = device.rotation()
        assert (await rotate(api, device, body)).status_code == 204
        assert await status_with(api, device, new) == 200
        device.api_key = new
    assert await status_with(api, device, original) == 401, "three at most live"
    digest = secret_hash(original.rpartition(".")[2])
    message = rotate_key_signed_bytes(device.uuid, device.registration, digest)
    body = {"newKeyHash": b64u_encode(digest), "signature": b64u_encode(sign(device.key, message))}
    assert said(await rotate(api, device, body)) == (409, "key_hash_used")


async def test_the_old_key_may_ask_too_in_its_last_hour(api: Any) -> None:
    device = await api.registered()
    old = device.api_key
    new, body = device.rotation()
    await rotate(api, device, body)
    await status_with(api, device, new)
    _, another = device.rotation()
    assert (await rotate(api, device, another, key=old)).status_code == 204


async def test_a_wrong_signature_changes_nothing(api: Any) -> None:
    device, other = await api.registered(), MemoryDevice()
    other.registration, other.api_key = device.registration, device.api_key
    _, body = other.rotation()
    assert said(await rotate(api, device, body)) == (401, "invalid_signature")


async def test_earlier_registrations_die_at_the_first_use_of_the_newest(api: Any) -> None:
    key = await api.provisioning_key()
    device = MemoryDevice()
    keys = []
    for _ in range(3):
        await api.register(device, key)
        keys.append(device.api_key)
    await api.heard()
    assert [await status_with(api, device, one) for one in keys[:2]] == [200, 200]
    assert await status_with(api, device, keys[2]) == 200
    assert [await status_with(api, device, one) for one in keys] == [401, 401, 200]
    ended = await api.rows(
        "SELECT revoke_reason FROM device_certificates WHERE revoke_at IS NOT NULL"
    )
    assert ended == [("superseded",)] * 2


async def test_a_new_certificate_for_a_new_request(api: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/device/{device.uuid}/certificates"
    answer = await api.ask("POST", path, device.certificate_request(), headers=device.headers)
    leaf = x509.load_pem_x509_certificate(answer.json["clientCertificate"].encode())
    name = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    assert (answer.status_code, name) == (200, device.uuid)
    stranger = MemoryDevice(uuid=device.uuid, registration=device.registration)
    answer = await api.ask("POST", path, stranger.certificate_request(), headers=device.headers)
    assert said(answer) == (401, "invalid_signature")
    broken = device.certificate_request() | {"certificateRequest": "-----BEGIN X-----"}
    assert said(await api.ask("POST", path, broken, headers=device.headers)) == (422, "invalid")


async def test_credentials_have_an_etag_that_every_answer_repeats(api: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/device/{device.uuid}/credentials"
    answer = await api.ask("GET", path, headers=device.headers)
    etag = answer.headers["etag"]
    assert answer.json["registration"] == device.registration
    assert answer.json["caBundle"] == (await api.ask("GET", "/ca.pem")).text
    again = await api.ask("GET", path, headers=device.headers | {"If-None-Match": etag})
    assert (again.status_code, again.text) == (304, "")
    assert (await api.poll(device)).headers["x-credentials-etag"] == etag
    other = await api.registered()
    assert (await api.poll(other)).headers["x-credentials-etag"] != etag


async def test_a_released_device_registers_under_a_new_key(api: Any) -> None:
    device = await api.registered()
    path = f"/api/v1/device/{device.uuid}/release"
    other = await api.registered()
    assert said(await api.ask("POST", path, device.release(), headers=other.headers)) == (
        403,
        "forbidden",
    )
    forged = MemoryDevice(uuid=device.uuid, registration=device.registration)
    assert said(await api.ask("POST", path, forged.release())) == (401, "invalid_signature")
    assert (await api.ask("POST", path, device.release())).status_code == 204
    await api.heard()
    assert (await api.poll(device)).status_code == 401
    again = await api.ask("POST", path, device.release(), headers=device.headers)
    assert again.status_code == 204, "a repeat, its dead key passed over"
    api.clock.advance(timedelta(minutes=10))
    assert said(await api.ask("POST", path, device.release())) == (401, "unauthorized")
    unknown = f"/api/v1/device/{MemoryDevice().uuid}/release"
    assert said(await api.ask("POST", unknown, device.release())) == (401, "unauthorized")
    successor = MemoryDevice(uuid=device.uuid)
    assert (await api.register(successor, await api.provisioning_key())).status_code == 200
