"""What workers hold in memory, and what happens when they can't hear."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from falcon.testing import ASGIConductor

from iotistic_pki.creation import create_root
from iotistic_pki.keys import spki_sha256
from iotistic_tenant_api.runtime import Worker
from iotistic_tenant_api.testing import MemoryDevice

pytestmark = pytest.mark.real

SPEC: dict[str, Any] = {"apps": {}, "config": {}}


async def test_an_unchanged_poll_asks_the_database_nothing(api: Any) -> None:
    device = await api.registered()
    await api.heard()
    await api.poll(device)
    await api.heard()
    etag = (await api.poll(device)).headers["etag"]
    await api.worker.database.close()
    answer = await api.poll(device, etag)
    assert (answer.status_code, answer.text) == (304, "")


async def test_a_database_that_is_away_is_said_so(api: Any) -> None:
    await api.worker.database.close()
    answer = await api.call("GET", "/api/v1/devices")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")


async def test_nothing_is_held_while_nobody_listens(api: Any) -> None:
    device = await api.registered()
    await api.heard()
    await api.poll(device)
    await api.heard()
    await api.poll(device)
    news = api.worker.news
    assert news.etags.peek(device.registration) is not None
    await news.lost()
    assert news.etags.peek(device.registration) is None
    await api.rows("UPDATE device_api_keys SET revoked_at = now() RETURNING 1")
    assert (await api.poll(device)).status_code == 401, "asked afresh, though nobody told"
    ready = (await api.ask("GET", "/health/ready")).json
    assert ready["checks"]["listener"] == {"ok": False, "detail": "not listening for changes"}


async def test_a_lost_listener_comes_back(api: Any) -> None:
    await api.heard()
    before = await api.rows("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")
    assert len(before) == 1
    await api.rows("SELECT pg_terminate_backend(%s)", before[0][0])
    await asyncio.sleep(0.3)
    await api.heard()
    after = await api.rows("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")
    assert len(after) == 1
    assert after != before


async def test_held_values_end_after_a_minute(api: Any) -> None:
    device = await api.registered()
    await api.heard()
    await api.poll(device)
    await api.heard()
    await api.poll(device)
    api.clock.advance(timedelta(seconds=60))
    assert api.worker.news.keys.peek(device.api_key.split(".")[1]) is None


async def test_a_configuration_file_that_is_gone_makes_the_tenant_unready(
    tenant_files: Any, conninfo: str, clock: Any, tmp_path: Any
) -> None:
    written, manifest = tmp_path / "mosquitto.conf", tmp_path / "manifest.json"
    written.write_text("listener 8883\n")
    digest = hashlib.sha256(written.read_bytes()).hexdigest()
    manifest.write_text(json.dumps({str(written): digest}))
    worker = Worker(tenant_files.settings(conninfo, deployment_manifest=manifest), clock)

    async with ASGIConductor(worker.app()) as conductor:

        async def said() -> Any:
            await asyncio.sleep(1.05)
            return (await conductor.simulate_get("/health/ready")).json["checks"]["configuration"]

        assert await said() == {"ok": True}
        written.write_text("listener 1883\n")
        assert (await said())["detail"] == "mosquitto.conf: changed by somebody else"
        written.unlink()
        assert (await said())["detail"] == "mosquitto.conf: missing or unreadable"


async def test_anchors_and_revocations_are_for_everyone(api: Any) -> None:
    ca = await api.ask("GET", "/ca.pem")
    assert ca.headers["content-type"] == "application/x-pem-file"
    assert ca.text.count("BEGIN CERTIFICATE") == 1
    key = await api.provisioning_key()
    pin = key.partition("@")[0].rpartition(".")[2]
    assert (await api.ask("GET", "/ca.pem", params={"pin": pin})).text == ca.text
    assert (await api.ask("GET", "/ca.pem", params={"pin": "A" * 43})).status_code == 404
    assert "BEGIN X509 CRL" in (await api.ask("GET", "/crl.pem")).text


async def test_metrics(api: Any) -> None:
    await api.registered()
    text = (await api.call("GET", "/metrics")).text
    assert 'iotistic_devices{condition="registered"} 1.0' in text
    assert 'iotistic_license_state{state="valid"} 1.0' in text


async def test_a_registration_without_the_signing_process_leaves_nothing(
    api: Any, conninfo: str, tmp_path: Any
) -> None:
    settings = api.files.settings(
        conninfo,
        signer_socket=tmp_path / "nobody",
        iotistic_license_key=api.worker.settings.iotistic_license_key,
    )
    worker = Worker(settings, api.clock)
    async with ASGIConductor(worker.app()) as conductor:
        cut_off = type(api)(conductor, worker, api.clock, api.files)
        device, key = MemoryDevice(), await api.provisioning_key()
        answer = await cut_off.register(device, key)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
    for table in ("devices", "device_registrations", "device_api_keys", "provisioning_key_uses"):
        assert await api.rows(f"SELECT 1 FROM {table}") == []  # noqa: S608 - constant
    assert (await api.register(device, key)).status_code == 200, "the key's place is still free"


async def test_a_former_ca_is_served_by_its_pin_and_stays_in_the_bundle(
    api: Any, conninfo: str, tmp_path: Any
) -> None:
    with create_root(tmp_path / "former", "Former") as former:
        pin = spki_sha256(former.key)
    settings = api.files.settings(conninfo, former_ca_files=(tmp_path / "former" / "ca.pem",))
    device = await api.registered()
    worker = Worker(settings, api.clock)
    async with ASGIConductor(worker.app()) as conductor:
        newest = (await conductor.simulate_get("/ca.pem")).text
        older = (await conductor.simulate_get("/ca.pem", params={"pin": pin})).text
        path = f"/api/v1/device/{device.uuid}/credentials"
        credentials = await conductor.simulate_get(path, headers=device.headers)
    assert older != newest
    assert credentials.json["caBundle"] == newest + older
    before = await api.ask("GET", path, headers=device.headers)
    assert credentials.headers["etag"] != before.headers["etag"]
