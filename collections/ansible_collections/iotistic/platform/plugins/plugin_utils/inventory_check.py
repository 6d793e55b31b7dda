# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory of tenants and devices: pure, over plain values."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..module_utils._contract.codec import decode
from ..module_utils._contract.errors import ContractError
from ..module_utils._contract.ids import check_external_id, check_uuid
from ..module_utils._contract.plans import PLANS
from ..module_utils._contract.target_state import Spec


@dataclass(frozen=True)
class Finding:
    """A refused value: whose, which variable, where in it (JSON pointer), and why."""

    host: str
    variable: str
    pointer: str
    detail: str


def findings(tenants, devices, net):
    """Return all that is wrong. ``tenants`` and ``devices`` map host names to their variables."""
    return [
        *_net(net),
        *(finding for name, found in tenants.items() for finding in _tenant(name, found)),
        *(finding for name, found in devices.items() for finding in _device(name, found, tenants)),
        *_twice(devices, "device_uuid"),
        *_addresses(devices, net),
    ]


def _net(net):
    try:
        network = ipaddress.ip_network(net)
    except ValueError as error:
        yield Finding("all", "site_net", "", str(error))
        return
    if network.prefixlen != 24 or not network.is_loopback:
        yield Finding(
            "all", "site_net", "", f"{net} is not a /24 of the loopback range 127.0.0.0/8"
        )


def _tenant(name, found):
    try:
        check_external_id(name)
    except ContractError as error:
        yield Finding(name, "inventory_hostname", "", error.detail)
    if not isinstance(found.get("company_name"), str) or not found["company_name"].strip():
        yield Finding(name, "company_name", "", "a tenant needs the name of its company")
    if found.get("plan") not in PLANS:
        plans = ", ".join(PLANS)
        yield Finding(
            name, "plan", "", f"no plan is called {found.get('plan')!r}; there are {plans}"
        )


def _device(name, found, tenants):
    if found.get("tenant") not in tenants:
        yield Finding(
            name, "tenant", "", f"no tenant of the inventory is called {found.get('tenant')!r}"
        )
    try:
        check_uuid(found.get("device_uuid"))
    except ContractError as error:
        yield Finding(name, "device_uuid", "", error.detail)
    if "target_state" in found:
        try:
            decode(Spec, found["target_state"])
        except ContractError as error:
            yield Finding(name, "target_state", error.pointer, error.detail)


def _twice(devices, variable):
    seen = {}
    for name, found in devices.items():
        value = found.get(variable)
        if value is None:
            continue
        if value in seen:
            yield Finding(name, variable, "", f"{value} is that of {seen[value]} already")
        seen.setdefault(value, name)


def _addresses(devices, net):
    yield from _twice(devices, "device_address")
    for name, found in devices.items():
        address = found.get("device_address")
        try:
            number = int(ipaddress.IPv4Address(address)) & 0xFF
            inside = ipaddress.ip_address(address) in ipaddress.ip_network(net)
        except ValueError:
            yield Finding(name, "device_address", "", f"{address!r} is not an IPv4 address")
            continue
        if not inside or not 128 <= number <= 254:
            yield Finding(name, "device_address", "", f"{address} is outside .128 to .254 of {net}")
