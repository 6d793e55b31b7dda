"""Registration against a real TLS server with the project's own PKI."""

import asyncio
import os
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iotistic_agent.adapters.cloud import verified_by
from iotistic_agent.adapters.keys import device_keys
from iotistic_agent.adapters.store import Store
from iotistic_agent.faults import CloudUnavailable, RegistrationRefused
from iotistic_agent.logs import RecentLines
from iotistic_agent.provisioning import Identity, register
from iotistic_agent.runtime import Agent
from iotistic_agent.settings import Settings
from iotistic_contract.codec import b64u_encode

UUID = "0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d11"
IDENTITY = Identity(uuid=UUID, name="one", type="test", agent_version="0.1.0")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state_dir=tmp_path, engine_socket=tmp_path / "none.sock", policy_file=tmp_path / "none"
    )


def attempt(tenant, settings, **spoiled):
    keys = device_keys(settings.state_dir / "keys")
    return register(tenant.string(**spoiled), IDENTITY, keys, settings)


def test_a_string_with_a_pin_is_all_it_takes(tenant, settings):
    registration = attempt(tenant, settings)
    assert registration.endpoint == tenant.origin
    assert registration.ca_cert == tenant.ca_pem
    assert registration.mqtt.username == UUID
    assert tenant.paths() == [
        "GET /ca.pem",
        "POST /api/provisioning/v2/key-exchange",
        "POST /api/provisioning/v2/register",
    ]
    payload = tenant.registered[0]
    assert (payload.device_uuid, payload.device_name) == (UUID, "one")


def test_the_unverified_call_names_nobody(tenant, settings):
    attempt(tenant, settings)
    first = tenant.requests[0]
    assert first.headers == {
        "host": f"{tenant.string().host}:{tenant.port}",
        "accept-encoding": "identity",
        "connection": "close",
    }


def test_the_secret_is_in_no_request_in_clear(tenant, settings):
    attempt(tenant, settings)
    assert tenant.secret not in repr([(r.path, r.headers, r.body) for r in tenant.requests])
    assert tenant.requests[1].body["provisioningApiKey"] == "k1"


def test_keys_are_kept_for_each_try(tenant, settings):
    tenant.force("/api/provisioning/v2/register", 503, "unavailable", Retry_After="7")
    with pytest.raises(CloudUnavailable) as caught:
        attempt(tenant, settings)
    assert caught.value.wait == 7
    attempt(tenant, settings)
    exchanges = [r.body for r in tenant.requests if r.path.endswith("key-exchange")]
    assert exchanges[0] == exchanges[1]
    assert tenant.paths().count("GET /ca.pem") == 2, "a retry begins at the beginning"


def test_private_files_are_private(tenant, settings):
    attempt(tenant, settings)
    for file in (settings.state_dir / "keys").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize(
    ("route", "status", "code", "fault"),
    [
        ("key-exchange", 410, "key_id_unknown", CloudUnavailable),
        ("register", 410, "challenge_expired", CloudUnavailable),
        ("register", 429, "too_many_attempts", CloudUnavailable),
        ("register", 500, "internal", CloudUnavailable),
        ("register", 401, "invalid_provisioning_key", RegistrationRefused),
        ("register", 403, "limit_reached", RegistrationRefused),
        ("register", 403, "key_bound", RegistrationRefused),
        ("register", 409, "already_registered", RegistrationRefused),
        ("register", 422, "invalid", RegistrationRefused),
        ("register", 404, "not_found", RegistrationRefused),
    ],
)
def test_what_each_status_means(tenant, settings, route, status, code, fault):
    tenant.force(f"/api/provisioning/v2/{route}", status, code)
    with pytest.raises(fault, match=code):
        attempt(tenant, settings)


def test_another_key_behind_the_address_is_refused_before_anything_is_said(tenant, settings):
    with pytest.raises(RegistrationRefused, match="pin"):
        attempt(tenant, settings, pin=b64u_encode(os.urandom(32)))
    assert tenant.paths() == ["GET /ca.pem"]


def test_without_a_pin_the_systems_store_decides(tenant, settings):
    with pytest.raises(CloudUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        attempt(tenant, settings, pin=None)
    assert tenant.paths() == []


def test_without_a_pin_a_ca_file_will_do(tenant, settings, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text(tenant.ca_pem)
    registration = attempt(tenant, replace(settings, ca_file=file), pin=None)
    assert registration.ca_cert is None


@pytest.mark.parametrize(
    "content",
    ["", "hello", "two", "text before\n", "a" * 20_000],
    ids=["empty", "text", "two certificates", "text around", "too long"],
)
def test_ca_pem_is_exactly_one_certificate(tenant, settings, content, monkeypatch):
    answer = {"two": tenant.ca_pem * 2, "text before\n": content + tenant.ca_pem}
    monkeypatch.setattr(type(tenant), "answer", lambda *_: (200, {}, answer.get(content, content)))
    with pytest.raises(RegistrationRefused, match=r"/ca\.pem"):
        attempt(tenant, settings)


def test_nobody_there_is_a_reason_to_wait(tenant, settings):
    with pytest.raises(CloudUnavailable):
        attempt(tenant, settings, host="127.77.5.99")


def plain_api(answer):
    answer["api"]["endpoint"] = answer["api"]["endpoint"].replace("https:", "http:")
    answer["targetStateUrl"] = answer["targetStateUrl"].replace("https:", "http:")


def plain_broker(answer):
    answer["mqtt"]["brokerConfig"].update(protocol="mqtt", useTls=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a["api"].pop("tlsConfig"), "tlsConfig"),
        (lambda a: a["mqtt"].update(username="0f8e3c1a-5a63-4c58-9a27-2f2f4b3a9d99"), "user name"),
        (lambda a: a.update(targetStateUrl="https://elsewhere.example/state"), "targetStateUrl"),
        (lambda a: a.update(deviceApiKey="short"), "deviceApiKey"),
        (plain_api, "endpoint http://.* isn't https"),
        (plain_broker, "broker is without TLS"),
    ],
)
def test_an_answer_that_is_not_as_agreed_is_not_taken(tenant, settings, monkeypatch, change, words):
    made = type(tenant).registration

    def spoiled(self, payload):
        answer = made(self, payload)
        change(answer)
        return answer

    monkeypatch.setattr(type(tenant), "registration", spoiled)
    with pytest.raises(RegistrationRefused, match=words):
        attempt(tenant, settings)


@pytest.mark.parametrize("change", [plain_api, plain_broker])
def test_an_agent_keeps_nothing_of_an_answer_without_tls(tenant, settings, monkeypatch, change):
    made = type(tenant).registration

    def spoiled(self, payload):
        answer = made(self, payload)
        change(answer)
        return answer

    monkeypatch.setattr(type(tenant), "registration", spoiled)
    store = Store.open(settings.state_dir / "device.sqlite", lambda: datetime.now(UTC))
    told = replace(settings, provisioning=tenant.string(), device_uuid=UUID)

    async def for_a_while():
        online = asyncio.create_task(Agent(told, store, RecentLines())._online())
        await asyncio.to_thread(tenant.wait_for, lambda: tenant.registered)
        await asyncio.sleep(0.5)
        online.cancel()

    asyncio.run(for_a_while())
    assert store.identity.registration() is None
    assert not [r for r in tenant.requests if "x-device-api-key" in r.headers]
    store.close()


def test_contexts_verify_by_default():
    context = verified_by(None)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
