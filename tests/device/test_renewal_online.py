"""A whole agent at the tenant's real programs, 300 days later; and one that is reset."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from edge.agent.tests.test_agent_real import Device, app
from edge.agent.tests.test_iotctl_real import iotctl
from iotistic_agent.adapters.store import Store
from iotistic_agent.registration import Registration
from tests.device.test_agent_and_tenant_api import RunningTenant, device, tenant

__all__ = ["device", "tenant"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def store_of(device: Device) -> Store:
    return Store.open(device.folder / "state/device.sqlite", lambda: datetime.now(UTC))


def registration_of(device: Device) -> Registration:
    with closing(store_of(device)) as store:
        found = store.identity.registration()
    assert found is not None
    return found


def wait(device: Device, holds: Callable[[], bool], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, device.log()[-12:]
        time.sleep(0.1)


def happened(device: Device, event: str) -> int:
    return [line["event"] for line in device.log()].count(event)


def test_after_300_days_key_and_certificate_are_others_and_it_goes_on(
    device: Device, tenant: RunningTenant, busybox: str
) -> None:
    device.start(POLL_INTERVAL_MS="1000")
    wait(device, lambda: happened(device, "broker_connected") > 0)
    wait(device, lambda: happened(device, "credentials_taken") > 0)
    assert device.stop() == 0
    before = registration_of(device)
    with closing(store_of(device)) as store:
        store.sync.keep_time_floor(datetime.now(UTC) + timedelta(days=300))
    device.start(POLL_INTERVAL_MS="1000")
    wait(device, lambda: happened(device, "certificate_renewed") > 0)
    wait(device, lambda: happened(device, "api_key_renewed") > 0)
    renewed = happened(device, "broker_connected")
    wait(device, lambda: happened(device, "broker_connected") > renewed)
    version = tenant.write(device.uuid, app(busybox, one={}), 0)
    report = tenant.wait_applied(device, version)
    assert report["pollIntervalMs"] == 900_000, "the broker tells it news"
    assert device.stop() == 0
    after = registration_of(device)
    assert report["credentialsETag"] == after.credentials_etag
    assert after.registration == before.registration
    assert after.api_key != before.api_key
    leaves = [
        x509.load_pem_x509_certificate((each.mqtt.client_certificate or "").encode())
        for each in (before, after)
    ]
    assert leaves[0].subject == leaves[1].subject
    assert leaves[0].serial_number != leaves[1].serial_number
    assert happened(device, "certificate_renewed") == 1
    assert happened(device, "api_key_renewed") == 1
    assert happened(device, "registered") == 1


def test_a_device_that_was_reset_registers_with_new_keys(
    device: Device, tenant: RunningTenant, busybox: str
) -> None:
    device.start(POLL_INTERVAL_MS="1000")
    wait(device, lambda: happened(device, "registered") > 0)
    version = tenant.write(device.uuid, app(busybox, one={}), 0)
    tenant.wait_applied(device, version)
    before = registration_of(device)
    key = (device.folder / "state/keys/device.key").read_bytes()
    done = iotctl(device, "factory-reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert device.containers() == {}
    assert happened(device, "not_released") == 0
    string = str(tenant.string())
    told = iotctl(device, "provision", stdin=string)
    assert told.returncode == 0, told.stdout + told.stderr
    after = registration_of(device)
    assert (after.uuid, after.registration == before.registration) == (device.uuid, False)
    assert (device.folder / "state/keys/device.key").read_bytes() != key
    device.settles(one="running")
