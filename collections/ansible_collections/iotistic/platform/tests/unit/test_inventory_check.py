# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory must not say, by table."""

from __future__ import annotations

import pytest
from ansible_collections.iotistic.platform.plugins.plugin_utils.inventory_check import findings

TENANTS = {"acme": {"company_name": "Acme", "plan": "starter"}}
PUMP = {
    "tenant": "acme",
    "device_uuid": "5f0c1f7e-8a54-4d0b-9d3c-0a6d2f1b7c11",
    "device_address": "127.77.8.128",
}
PRESS = {
    "tenant": "acme",
    "device_uuid": "0b9d5a6c-7f0b-4c55-8d36-19e6a6b1c902",
    "device_address": "127.77.8.129",
}
NET = "127.77.8.0/24"


def service(**other):
    whole = {"serviceId": "1", "serviceName": "web", "imageName": "web:1", **other}
    apps = {"1": {"appId": "1", "appName": "a", "services": [whole]}}
    return {**PUMP, "target_state": {"apps": apps}}


def test_a_good_inventory_has_no_findings():
    devices = {"pump": service(config={"ports": ["8080:80"]}), "press": PRESS}
    assert findings(TENANTS, devices, NET) == []


@pytest.mark.parametrize(
    ("tenants", "devices", "net", "place"),
    [
        ({"acme": {**TENANTS["acme"], "plan": "gold"}}, {}, NET, ("acme", "plan", "")),
        ({"acme": {"plan": "starter"}}, {}, NET, ("acme", "company_name", "")),
        ({"Acme!": TENANTS["acme"]}, {}, NET, ("Acme!", "inventory_hostname", "")),
        (TENANTS, {"p": {**PUMP, "tenant": "globex"}}, NET, ("p", "tenant", "")),
        (TENANTS, {"p": {**PUMP, "device_uuid": 17}}, NET, ("p", "device_uuid", "")),
        (
            TENANTS,
            {"p": PUMP, "q": {**PRESS, "device_uuid": PUMP["device_uuid"]}},
            NET,
            ("q", "device_uuid", ""),
        ),
        (
            TENANTS,
            {"p": PUMP, "q": {**PRESS, "device_address": PUMP["device_address"]}},
            NET,
            ("q", "device_address", ""),
        ),
        (
            TENANTS,
            {"p": {**PUMP, "device_address": "127.77.8.17"}},
            NET,
            ("p", "device_address", ""),
        ),
        (TENANTS, {"p": {**PUMP, "device_address": "pump"}}, NET, ("p", "device_address", "")),
        (
            TENANTS,
            {"p": service(colour="red")},
            NET,
            ("p", "target_state", "/apps/1/services/0/colour"),
        ),
        (
            TENANTS,
            {"p": service(config={"ports": ["99999:80"]})},
            NET,
            ("p", "target_state", "/apps/1/services/0/config/ports/0"),
        ),
        (TENANTS, {}, "10.0.0.0/24", ("all", "site_net", "")),
        (TENANTS, {}, "127.0.0.0/8", ("all", "site_net", "")),
    ],
)
def test_one_wrong_value_is_one_finding_with_its_place(tenants, devices, net, place):
    found = findings(tenants, devices, net)
    assert [(each.host, each.variable, each.pointer) for each in found] == [place]
    assert found[0].detail
