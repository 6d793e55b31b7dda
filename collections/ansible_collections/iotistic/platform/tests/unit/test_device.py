# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of devices, and of what is known of them."""

from __future__ import annotations

import pytest
from platform_server import CUSTOMER_ID

UUID = "5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11"
PUMP = {"uuid": UUID, "name": "pump", "device_type": "pi4", "tags": {"site": "north"}}


def test_a_device_is_described_changed_and_forgotten(run, platform, acme):
    untouched = platform.state()
    predicted = run("device", check=True, **PUMP, **acme)
    assert (predicted["changed"], platform.state()) == (True, untouched)

    made = run("device", **PUMP, **acme)
    assert made["diff"] == predicted["diff"]
    assert made["device"]["tags"] == {"site": "north"}
    assert not run("device", **PUMP, **acme)["changed"]

    assert run("device", **{**PUMP, "tags": {"site": "south"}}, **acme)["changed"]
    assert platform.devices[UUID]["tags"] == {"site": "south"}

    assert run("device", uuid=UUID, state="absent", **acme)["changed"]
    assert not run("device", uuid=UUID, state="absent", **acme)["changed"]
    assert platform.devices == {}


def test_what_isn_t_said_stays(run, platform, acme):
    run("device", **PUMP, **acme)
    assert not run("device", uuid=UUID, name="pump", **acme)["changed"]


@pytest.mark.parametrize("known", [True, False])
def test_a_device_may_register_again_until_then(run, platform, acme, known):
    if known:
        run("device", **PUMP, **acme)
    opened = run("device", **PUMP, reregister_until="2026-11-24T18:00:00Z", **acme)
    assert opened["changed"]
    assert platform.devices[UUID]["reregisterUntil"] == "2026-11-24T18:00:00.000Z"
    assert not run("device", **PUMP, reregister_until="2026-11-24T18:00:00Z", **acme)["changed"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"uuid": "5F0C1F7E-8A54-4D0B-9D3C-0A6D2F1B7C11"}, "/uuid"),
        ({"uuid": "5f0c1f7e-8a54-1d0b-9d3c-0a6d2f1b7c11"}, "/uuid"),
        ({"reregister_until": "tomorrow"}, "/reregister_until"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(run, platform, acme, bad, field):
    platform.requests.clear()
    refused = run("device", failing=True, **{**PUMP, **bad}, **acme)
    assert refused["msg"].startswith(field)
    assert platform.requests == []


def test_what_can_t_be_changed_is_told_with_its_field(run, acme):
    run("device", **PUMP, **acme)
    failed = run("device", failing=True, **{**PUMP, "fleet": "pumps"}, **acme)
    assert failed["msg"].endswith("(invalid); /fleet: unknown key")
    assert failed["status"] == 422


def test_a_tenant_goes_by_either_id(run, acme):
    run("device", **PUMP, **acme)
    assert not run("device", **PUMP, **{**acme, "tenant": CUSTOMER_ID})["changed"]


@pytest.mark.parametrize(
    ("tenant", "said"),
    [
        ("globex", "tenant: billing knows no customer 'globex'"),
        (f"cust_{'0' * 32}", "tenant: billing knows no customer"),
        ("Acme Pumps", "/tenant: not an external id"),
    ],
)
def test_an_unknown_tenant(run, connection, tenant, said):
    failed = run("device", failing=True, **PUMP, **connection, tenant=tenant)
    assert failed["msg"].startswith(said)


def test_a_token_of_one_s_own_needs_no_billing(run, platform, acme, certificates, tmp_path):
    platform.tokens["mine"] = {"read", "devices"}
    token = tmp_path / "token"
    token.write_text("mine\n")
    platform.requests.clear()
    options = {"tenant_url": platform.url, "tenant_token_file": str(token)}
    assert run("device", **PUMP, **options, ca_file=str(certificates.root))["changed"]
    assert not any("/api/customers" in path for path in platform.asked("GET", "POST"))


def test_a_token_without_the_scope_is_told(run, platform, certificates):
    platform.tokens["mine"] = {"read"}
    options = {"tenant_url": platform.url, "tenant_token": "mine"}
    failed = run("device", failing=True, **PUMP, **options, ca_file=str(certificates.root))
    assert (failed["status"], failed["problem"]["code"]) == (403, "forbidden")
    assert "mine" not in failed["msg"]


def test_devices_are_listed_with_their_reports(run, platform, acme):
    run("device", **PUMP, **acme)
    platform.reports[UUID] = {"status": "applied"}
    listed = run("device_info", current_state=True, **acme)
    assert not listed["changed"]
    assert [each["current_state"]["report"]["status"] for each in listed["devices"]] == ["applied"]
    some = run("device_info", uuids=[UUID, "c3a1f0d2-9b1e-4f77-b2c4-7d5e8a90de03"], **acme)
    assert [each["name"] for each in some["devices"]] == ["pump"]
