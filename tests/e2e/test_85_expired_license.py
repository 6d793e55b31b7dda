"""A license that has ended: people write no more, devices keep running what they run."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb

from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import Purpose, sign_license, verify_license

from .demo_site import wait_for
from .test_20_refusals import device_row
from .test_80_bad_input import changed_inventory, play


@pytest.fixture
def ended(site):
    """The tenant acme with a license that ended a moment ago; the former one comes back after."""
    tenant = site.tenant("acme")
    folder = site.state / "tenants" / tenant.short_id / "secrets"
    former = (folder / "license.jwt").read_text().strip()
    keys = KeyStore(site.state / "billing/license-keys")
    license_ = verify_license(former, keys.key_set(), tenant.id, datetime.now(UTC))
    iat = license_.iat + 1
    ended = replace(license_, iat=iat, nbf=iat, exp=iat + 1, jti="ended")
    wait_for(lambda: time.time() > ended.exp)
    database = psycopg.connect(
        host=tenant.address,
        dbname="iotistic",
        user="iotistic",
        password=(folder / "db-password").read_text(),
        sslmode="require",
        autocommit=True,
    )
    with database:
        install(database, sign_license(ended, keys.signing_key(Purpose.LICENSE)))
        try:
            yield tenant
        finally:
            install(database, former)


def install(database, token: str) -> None:
    """Put the token where the tenant keeps the one in force, and tell its workers."""
    database.execute(
        "UPDATE system_config SET value = %s WHERE name = 'license.token'",
        [Jsonb({"token": token})],
    )
    database.execute("SELECT pg_notify('license_changed', 'license')")


def test_an_ended_license_stops_people_and_no_device(site, devices, ended, tmp_path):
    token = site.service_token(ended, "read devices target-states overrides provisioning-keys")
    url = f"{ended.url}/api/v1/devices/{devices[0].uuid}"
    shown = f"{ended.url}/api/license"
    wait_for(lambda: site.call("GET", shown, token=token).body["state"] == "restricted")
    before = site.call("GET", f"{url}/target-state", token=token)
    assert before.status == 200

    revision = {"If-Match": before.headers["etag"]}
    writes = [
        ("PUT", f"{url}/target-state", before.body["spec"], revision),
        ("PATCH", f"{url}/overrides", {}, None),
        ("PATCH", url, {"name": "renamed"}, None),
        ("POST", f"{ended.url}/api/provisioning-keys", {"name": "more", "maxDevices": 1}, None),
    ]
    for method, path, body, headers in writes:
        answer = site.call(method, path, body, token=token, headers=headers)
        assert answer.status == 402, (method, path, answer)
        assert answer.body["code"] == "payment_required", answer

    def changed(_hosts, group):
        group["target_state"]["apps"]["1001"]["services"][0]["config"]["environment"] = {"A": "1"}

    refused = play(site, changed_inventory(tmp_path, changed))
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "license" in output, output[-3000:]
    assert "Traceback" not in output

    after = site.call("GET", f"{url}/target-state", token=token)
    assert after.body == before.body
    row = device_row(site, devices[0])
    seen = site.call("GET", url, token=token).body["lastSeenAt"]
    wait_for(lambda: site.call("GET", url, token=token).body["lastSeenAt"] > seen, timeout=60)
    polled = site.call(
        "GET",
        f"{ended.url}/api/v1/device/{devices[0].uuid}/state",
        headers={"X-Device-API-Key": row["deviceApiKey"]},
    )
    assert polled.status == 200
    containers = site.containers(devices[0].uuid)
    assert (containers["web"], containers["sampler"]) == ("running", "paused")
