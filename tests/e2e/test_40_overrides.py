"""A person's stop survives the next run, and the difference shows whose it is."""

from __future__ import annotations

from .demo_site import wait_for
from .test_10_demo import unchanged


def test_a_stop_by_override_survives_a_run(site, devices):
    device = devices[0]
    tenant = site.tenant(device.tenant)
    url = f"{tenant.url}/api/v1/devices/{device.uuid}/overrides"
    body = {"1": {"state": "stopped", "owner": "mira@acme.example", "reason": "press is cleaned"}}
    for scope, status in (("read", 403), ("overrides", 200)):
        token = site.service_token(tenant, scope)
        assert site.call("PATCH", url, body, token=token).status == status
    wait_for(lambda: site.containers(device.uuid)["web"] == "exited")

    again = site.run("--diff")
    assert again.returncode == 0, again.stdout[-4000:]
    assert unchanged(again.stdout), again.stdout[-4000:]
    assert "mira@acme.example" in again.stdout
    assert site.containers(device.uuid)["web"] == "exited"

    token = site.service_token(tenant, "overrides")
    assert site.call("PATCH", url, {"1": None}, token=token).status == 200
    wait_for(lambda: site.containers(device.uuid)["web"] == "running")


def test_an_unknown_service_can_not_be_overridden(site, devices):
    tenant = site.tenant(devices[0].tenant)
    token = site.service_token(tenant, "overrides")
    url = f"{tenant.url}/api/v1/devices/{devices[0].uuid}/overrides"
    body = {"99": {"state": "stopped", "owner": "mira@acme.example", "reason": "?"}}
    assert site.call("PATCH", url, body, token=token).status == 422
