"""Renewals of the real agent at the real tenant API and its signing process, cut after each step.

The broker's verdict is given by the test; the real broker has tests of its own beside the agent.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from falcon.testing import ASGIConductor

from iotistic_agent.adapters.broker_trial import Verdict
from iotistic_agent.faults import CloudUnavailable, Unauthorized
from iotistic_agent.registration import Registration
from iotistic_agent.renewal.api_key import pending_key_taken
from iotistic_agent.renewal.planning import Step
from iotistic_contract.codec import decode
from iotistic_contract.provisioning import RegisterAnswer
from iotistic_pki.keys import KeyKind, new_key, public_der, write_private
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.settings import TenantSettings
from iotistic_tenant_api.testing import MemoryDevice
from services.tenant_api.tests.conftest import (
    Api,
    api,
    billing,
    clock,
    conninfo,
    customer_id,
    plan,
    tenant_files,
)
from tests.device.renewing import Agent, PowerCut

__all__ = ["Api", "api", "billing", "clock", "conninfo", "customer_id", "plan", "tenant_files"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]
ROTATION = (Step.MAKE_API_KEY, Step.ANNOUNCE_API_KEY, Step.USE_API_KEY)
CERTIFICATE = (Step.MAKE_TLS_KEY, Step.REQUEST_CERTIFICATE, Step.TEST_CERTIFICATE)


@pytest.fixture
async def agent(api: Any, tmp_path: Path) -> Agent:
    """An agent that has just registered, and has its first credentials."""
    made = Agent(api, tmp_path)
    keys = made.keys()
    device = MemoryDevice(key=keys.signing, tls_key=keys.tls("tls.key"), sealing_key=keys.sealing)
    answer = await api.register(device, await api.provisioning_key())
    assert answer.status_code == 200, answer.text
    found = decode(RegisterAnswer, answer.json, unknown="keep")
    with closing(made.store()) as store:
        store.identity.uuid(device.uuid, str)
        store.identity.register(
            Registration(
                uuid=device.uuid,
                registration=found.registration,
                customer_id=found.customer_id,
                api_key=found.device_api_key,
                endpoint=found.api.endpoint,
                ca_cert=found.api.tls_config.ca_cert if found.api.tls_config else None,
                target_state_url=found.target_state_url,
                mqtt=found.mqtt,
                order_public_keys=found.order_public_keys,
                key_id="k1",
            )
        )
    assert await made.finish() == [Step.ASK_CREDENTIALS, Step.TEST_CREDENTIALS]
    return made


async def status(agent: Agent, key: str) -> int:
    """Return how the API answers to a device key."""
    registration = agent.registration()
    path = f"/api/v1/device/{registration.uuid}/state"
    answer = await agent.api.ask("GET", path, headers={"X-Device-API-Key": key})
    await agent.api.heard()
    return int(answer.status_code)


def without_asking(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(step for step in steps if step is not Step.ASK_CREDENTIALS)


async def test_first_credentials_that_change_nothing_are_taken_without_a_trial(
    agent: Agent,
) -> None:
    assert agent.tried == []
    registration = agent.registration()
    path = f"/api/v1/device/{registration.uuid}/credentials"
    answer = await agent.api.ask("GET", path, headers={"X-Device-API-Key": registration.api_key})
    assert registration.credentials_etag == answer.headers["etag"]
    assert [key["kid"] for key in registration.order_public_keys] == [
        key["kid"] for key in answer.json["orderPublicKeys"]
    ]


async def test_a_key_of_90_days_is_rotated_and_the_old_one_ends(agent: Agent) -> None:
    old = agent.registration().api_key
    agent.api.clock.advance(timedelta(days=80))
    assert without_asking(await agent.finish()) == ()
    agent.api.clock.advance(timedelta(days=10))
    assert without_asking(await agent.finish()) == ROTATION
    new = agent.registration().api_key
    assert (new != old, new.split(".")[1]) == (True, old.split(".")[1])
    assert agent.pending() is None
    agent.api.clock.advance(timedelta(hours=2))
    assert (await status(agent, old), await status(agent, new)) == (401, 200)
    assert without_asking(await agent.finish()) == (), "the next one is 90 days away"
    content = (agent.folder / "device.sqlite").read_bytes()
    content += (agent.folder / "device.copy").read_bytes()
    for secret in (old.split(".")[2], new.split(".")[2]):
        assert secret.encode() not in content, "sealed at rest"


@pytest.mark.parametrize("cut", ["rotate-key", "credentials"])
@pytest.mark.parametrize("hours", [0, 2])
async def test_a_cut_after_the_cloud_did_its_part_of_a_rotation_ends_well(
    agent: Agent, cut: str, hours: int
) -> None:
    """After two hours the old key is dead where the new one had been used."""
    agent.api.clock.advance(timedelta(days=91))
    agent.cuts = [cut]
    with pytest.raises(PowerCut):
        await agent.finish()
    agent.cuts, pending = [], agent.pending()
    assert pending is not None
    agent.api.clock.advance(timedelta(hours=hours))
    if await status(agent, agent.registration().api_key) == 401:
        assert (cut, hours) == ("credentials", 2)
        with closing(agent.store()) as store:
            held = agent.registration()
            taken = pending_key_taken(store, held, agent.cloud, agent.api.clock.now)  # type: ignore[arg-type]
            assert await taken
    await agent.finish()
    assert agent.registration().api_key == pending, "the secret that was made first"
    assert await status(agent, pending) == 200
    assert agent.pending() is None


async def test_a_key_that_nobody_knows_is_not_taken(agent: Agent) -> None:
    with closing(agent.store()) as store:
        held = agent.registration()
        for pending in (None, held.api_key[:-4] + "AAAA"):
            if pending is not None:
                store.renewals.keep_pending_key(pending, announced=True)
            taken = pending_key_taken(store, held, agent.cloud, agent.api.clock.now)  # type: ignore[arg-type]
            assert not await taken
        assert store.identity.registration() == held


async def test_a_pending_key_that_the_cloud_forgot_is_announced_again(agent: Agent) -> None:
    agent.api.clock.advance(timedelta(days=91))
    with closing(agent.store()) as store:
        store.renewals.keep_pending_key(
            agent.registration().api_key[:-8] + "AAAAAAAA", announced=True
        )
        renewal = agent.renewal(store)
        with pytest.raises(CloudUnavailable, match="isn't known"):
            await renewal.carry_out(Step.USE_API_KEY)
    assert Step.ANNOUNCE_API_KEY in await agent.finish()


async def test_a_secret_that_was_used_before_is_replaced(agent: Agent) -> None:
    first = agent.registration().api_key
    agent.api.clock.advance(timedelta(days=91))
    await agent.finish()
    with closing(agent.store()) as store:
        store.renewals.keep_pending_key(first, announced=False)
        with pytest.raises(Exception, match="key_hash_used"):
            await agent.renewal(store).carry_out(Step.ANNOUNCE_API_KEY)
    assert agent.pending() is None


async def test_a_wrong_signature_is_no_dead_key(agent: Agent) -> None:
    write_private(agent.folder / "keys" / "device.key", MemoryDevice().key)
    with closing(agent.store()) as store:
        renewal = agent.renewal(store)
        await renewal.carry_out(Step.MAKE_API_KEY)
        with pytest.raises(Unauthorized) as caught:
            await renewal.carry_out(Step.ANNOUNCE_API_KEY)
    assert caught.value.code == "invalid_signature"


def leaf_of(agent: Agent) -> x509.Certificate:
    pem = agent.registration().mqtt.client_certificate
    assert pem is not None
    return x509.load_pem_x509_certificate(pem.encode())


@pytest.mark.parametrize("cut", [None, "certificates"])
@pytest.mark.parametrize("days", [296, 400])
async def test_a_certificate_is_renewed_with_a_new_key_also_when_it_has_expired(
    agent: Agent, days: int, cut: str | None
) -> None:
    old = leaf_of(agent)
    agent.api.clock.advance(timedelta(days=days))
    if cut is not None:
        agent.cuts = [cut]
        with pytest.raises(PowerCut):
            await agent.finish()
        agent.cuts = []
    done = await agent.finish()
    assert [step for step in done if step in CERTIFICATE][-2:] == list(CERTIFICATE[1:])
    new, registration = leaf_of(agent), agent.registration()
    assert new.serial_number != old.serial_number
    tls = agent.keys().tls(registration.tls_key)
    assert public_der(new.public_key()) == public_der(tls)  # type: ignore[arg-type]
    assert registration.tls_key == "tls-2.key"
    assert not (agent.folder / "keys" / "tls.key").exists()
    (tried,) = agent.tried
    assert tried.mqtt == registration.mqtt


async def test_a_certificate_that_the_broker_refuses_leaves_the_one_in_use(agent: Agent) -> None:
    before = agent.registration()
    agent.api.clock.advance(timedelta(days=296))
    agent.verdict = Verdict.REFUSED
    assert Step.TEST_CERTIFICATE in await agent.finish()
    assert agent.registration().mqtt == before.mqtt
    assert sorted(path.name for path in (agent.folder / "keys").glob("tls*")) == ["tls.key"]
    agent.verdict = Verdict.GOOD
    assert Step.MAKE_TLS_KEY not in await agent.finish(), "not before a day has passed"
    agent.api.clock.advance(timedelta(days=1))
    assert Step.TEST_CERTIFICATE in await agent.finish()
    assert agent.registration().mqtt != before.mqtt


async def test_with_no_broker_there_the_next_certificate_waits(agent: Agent) -> None:
    agent.api.clock.advance(timedelta(days=296))
    agent.verdict = Verdict.UNREACHABLE
    with pytest.raises(CloudUnavailable, match="broker"):
        await agent.finish()
    with closing(agent.store()) as store:
        held = store.renewals.candidate_certificate()
    agent.verdict = Verdict.GOOD
    await agent.finish()
    assert held is not None
    assert agent.registration().mqtt.client_certificate == held.pem


@asynccontextmanager
async def deployed_anew(agent: Agent, **changes: Any) -> AsyncIterator[None]:
    """Let the tenant's API run with other settings within the block."""
    api = agent.api
    worker = Worker(replaced(api.worker.settings, **changes), api.clock)
    async with ASGIConductor(worker.app()) as conductor:
        agent.api = Api(conductor, worker, api.clock, api.files)
        yield
    agent.api = api


def replaced(settings: TenantSettings, **changes: Any) -> TenantSettings:
    return settings.model_copy(update=changes)


@pytest.mark.parametrize(
    ("verdict", "connected", "taken"),
    [
        (Verdict.GOOD, True, True),
        (Verdict.REFUSED, True, False),
        (Verdict.UNREACHABLE, True, False),
        (Verdict.UNREACHABLE, False, None),
    ],
)
async def test_another_broker_is_taken_when_it_takes_the_device(
    agent: Agent, verdict: Verdict, connected: bool, taken: bool | None
) -> None:
    before = agent.registration()
    agent.verdict, agent.connected = verdict, connected
    async with deployed_anew(agent, mqtt_port=18883):
        agent.api.clock.advance(timedelta(days=1))
        if taken is None:
            with pytest.raises(CloudUnavailable, match="neither"):
                await agent.finish()
        else:
            assert await agent.finish() == [Step.ASK_CREDENTIALS, Step.TEST_CREDENTIALS]
        assert [each.mqtt.broker_config.port for each in agent.tried] == [18883]
        registration = agent.registration()
        if taken:
            assert registration.mqtt.broker_config.port == 18883
            assert registration.credentials_etag != before.credentials_etag
        else:
            assert registration == before
        if taken is False:
            agent.verdict = Verdict.GOOD
            agent.api.clock.advance(timedelta(hours=23))
            assert await agent.finish() == [], "the same is not tried again within a day"
            agent.api.clock.advance(timedelta(hours=1))
            await agent.finish()
            assert agent.registration().mqtt.broker_config.port == 18883


async def test_credentials_that_went_back_are_forgotten(agent: Agent) -> None:
    before, agent.verdict = agent.registration(), Verdict.REFUSED
    async with deployed_anew(agent, mqtt_port=18883):
        agent.api.clock.advance(timedelta(days=1))
        await agent.finish()
    agent.api.clock.advance(timedelta(days=1))
    assert await agent.finish() == [Step.ASK_CREDENTIALS]
    with closing(agent.store()) as store:
        assert store.renewals.credentials("failed") is None
    assert agent.registration() == before


async def test_a_certificate_that_expired_while_the_broker_moved(agent: Agent) -> None:
    """Each needs the other: the new certificate is tried at the new broker, too."""
    agent.api.clock.advance(timedelta(days=400))

    def trial(registration: Registration) -> Verdict:
        agent.tried.append(registration)
        moved = registration.mqtt.broker_config.port == 18883
        return Verdict.GOOD if moved else Verdict.UNREACHABLE

    agent.trial = trial  # type: ignore[method-assign]
    async with deployed_anew(agent, mqtt_port=18883):
        await agent.finish()
    registration = agent.registration()
    assert registration.mqtt.broker_config.port == 18883
    assert registration.tls_key == "tls-2.key"


async def test_order_keys_that_none_of_those_held_has_signed_are_not_taken(
    agent: Agent, tmp_path: Path
) -> None:
    before = agent.registration()
    write_private(tmp_path / "order.pem", new_key(KeyKind.ED25519))
    async with deployed_anew(agent, order_key_file=tmp_path / "order.pem", mqtt_port=18883):
        agent.api.clock.advance(timedelta(days=1))
        await agent.finish()
    registration = agent.registration()
    assert registration.mqtt.broker_config.port == 18883, "the rest is"
    assert registration.order_public_keys == before.order_public_keys
